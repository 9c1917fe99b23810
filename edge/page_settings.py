"""What a site sets of its page: the config's table `[page]`."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from edge.language import LANGUAGES

MOST_CLINIC_CHARACTERS = 100
LIMITS = {"lock_after_minutes": (1, 240), "log_out_after_hours": (1, 72)}


@dataclass(frozen=True)
class PageSettings:
    """The page of one device.

    Attributes:
        clinic: the place's name, which a new specimen carries; empty where none was given.
        language: code of the language for who has chosen none; empty leaves it to the browser.
        lock_after_minutes: without a tap, until the page asks for the password again.
        log_out_after_hours: from logging in, whatever is tapped: as long as a shift.
        host_names: by which the device is called beside its own name and addresses, for its
            certificate.
    """

    clinic: str = ""
    language: str = ""
    lock_after_minutes: int = 15
    log_out_after_hours: int = 12
    host_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.clinic) > MOST_CLINIC_CHARACTERS or not self.clinic.isprintable():
            raise ConfigError(
                f"page.clinic is {self.clinic[:40]!r}; give at most {MOST_CLINIC_CHARACTERS} "
                "characters on one line"
            )
        if self.language and self.language not in LANGUAGES:
            raise ConfigError(
                f"page.language is {self.language!r}; known: {', '.join(LANGUAGES)}, or empty"
            )
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: {least} to {most}")
