"""What a site sets of accelerators: the table [accelerators] of config.toml, and flags."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class AcceleratorSettings:
    """Which accelerators to use, and what they are allowed.

    Attributes:
        names: to try first, in order, as `clinicscope doctor` names them; the processor follows.
            Empty takes what is there and faster than the processor.
        edgetpu_library: path of libedgetpu, where it is in none of the system's folders.
        delegate: path of an external delegate's library, for the accelerator "delegate".
        delegate_options: that the library knows.
        provider_options: of ONNX Runtime's providers, "tensorrt.trt_fp16_enable" = "1".
        proof_timeout_s: for a library to load and to give the golden answers.
        build_timeout_s: the same where an engine is built first.
        call_timeout_s: for one call of a network; a call of many cells has more.
        restarts: within an hour; what failed more often is left alone.
    """

    names: tuple[str, ...] = ()
    edgetpu_library: str = ""
    delegate: str = ""
    delegate_options: dict[str, str] = field(default_factory=dict)
    provider_options: dict[str, str] = field(default_factory=dict)
    proof_timeout_s: float = 60.0
    build_timeout_s: float = 1800.0
    call_timeout_s: float = 10.0
    restarts: int = 2

    def __post_init__(self) -> None:
        for name in ("proof_timeout_s", "build_timeout_s", "call_timeout_s"):
            if not 0 < getattr(self, name) <= 86_400:
                raise ConfigError(f"accelerators.{name} is {getattr(self, name)}; up to 86400 s")
        if not 0 <= self.restarts <= 100:
            raise ConfigError(f"accelerators.restarts is {self.restarts}; allowed: 0 to 100")
        if self.delegate_options and not self.delegate:
            raise ConfigError("accelerators.delegate_options is set without accelerators.delegate")

    def options_for(self, provider: str) -> dict[str, str]:
        """What the site sets of one provider."""
        head = f"{provider}."
        return {
            key.removeprefix(head): value
            for key, value in self.provider_options.items()
            if key.startswith(head)
        }


def with_flags(
    settings: AcceleratorSettings, accelerator: str | None, delegate: str | None
) -> AcceleratorSettings:
    """The settings with what --accelerator and --delegate say.

    Args:
        accelerator: name, tried first and alone before the processor.
        delegate: PATH or PATH?KEY=VALUE&KEY=VALUE of an external delegate.

    Raises:
        ConfigError: the delegate's options cannot be read.
    """
    if delegate:
        path, _, query = delegate.partition("?")
        try:
            options = dict(parse_qsl(query, strict_parsing=bool(query)))
        except ValueError as error:
            raise ConfigError(
                f"options of --delegate are {query!r}; give PATH?KEY=VALUE&KEY=VALUE"
            ) from error
        settings = replace(settings, delegate=path, delegate_options=options)
        accelerator = accelerator or "delegate"
    return replace(settings, names=(accelerator,)) if accelerator else settings
