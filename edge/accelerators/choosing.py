"""Opens a bundle's networks on the accelerator that serves this device best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.accelerators.guarded import GuardedRuntime
from edge.accelerators.memory import Memory
from edge.accelerators.opening import Network, networks_of
from edge.accelerators.plan import plan
from edge.accelerators.serving import Serving
from edge.accelerators.settings import AcceleratorSettings
from edge.contract.bundle import Bundle
from edge.runtimes.base import Runtime, open_runtime


@dataclass(frozen=True, eq=False)
class Opened:
    """A bundle's networks, proven on what serves them.

    Attributes:
        runtimes: in the order of the roles asked for.
        key: what was chosen, runtime/accelerator.
        fallback_why: why what was preferred does not serve; empty where it does.
    """

    runtimes: tuple[Runtime, ...]
    key: str
    fallback_why: str


def choose(
    bundle: Bundle,
    roles: Sequence[str],
    settings: AcceleratorSettings | None = None,
    *,
    runtimes: Sequence[str] = (),
    threads: int = 0,
    home: Path | None = None,
) -> Opened:
    """Opens a network of each role on the first accelerator that proves itself.

    Args:
        runtimes: that may be used, in order; empty allows all.
        threads: of the processor; 0 takes the number measured best.
        home: the data directory, where failures, times and engines are kept; None keeps none.

    Raises:
        ConfigError: an accelerator has an unknown name.
        RuntimeUnavailableError: nothing could open them, with each one's reason.
        GoldenMismatchError: nothing could, and something gave other answers.
    """
    settings = settings or AcceleratorSettings()
    steps = plan(settings, runtimes, threads, home)
    serving = Serving(networks_of(bundle, roles), steps, settings, Memory(home))
    opened = serving.open()
    key = f"{opened[0].name}/{opened[0].accelerator}"
    return Opened(opened, key, serving.fallback_why)


def join(beside: Runtime, bundle: Bundle, role: str) -> Runtime:
    """Opens another bundle's network on what serves this one: a record names one.

    Raises:
        ClinicScopeError: it cannot be served there.
    """
    if isinstance(beside, GuardedRuntime):
        return beside.serving.join(Network(bundle, role))
    return open_runtime(bundle, role, threads=beside.threads, names=(beside.name,))
