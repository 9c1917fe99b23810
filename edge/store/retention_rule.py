"""A site's rule for removing images; light, since every command reads the config."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from edge.store.records import VERDICTS


@dataclass(frozen=True)
class RetentionRule:
    """A site's rule, as a table `[retention]` of its config.

    Attributes:
        keep_days: images younger than this stay, however short room is.
        free_at_least_gb: images go until so much of the disk is free.
        images_at_most_gb: images go until they take no more than this; 0 sets no bound.
        remove_after_days: older images go though there is room; 0 keeps them.
        verdicts: whose images may go, in this order.
        require_sent: only of specimens whose result was sent and acknowledged; a site that sends
            nothing sets it to false.
    """

    keep_days: int = 90
    free_at_least_gb: float = 2.0
    images_at_most_gb: float = 0.0
    remove_after_days: int = 0
    verdicts: tuple[str, ...] = ("negative", "refused", "inconclusive")
    require_sent: bool = True

    def __post_init__(self) -> None:
        for name in ("keep_days", "free_at_least_gb", "images_at_most_gb", "remove_after_days"):
            if not 0 <= getattr(self, name) <= 100_000:
                raise ConfigError(
                    f"retention: {name} is {getattr(self, name)}; allowed: 0 to 100000"
                )
        if 0 < self.remove_after_days < self.keep_days:
            raise ConfigError(
                f"retention: remove_after_days is {self.remove_after_days}, less than keep_days "
                f"({self.keep_days}); set it to 0 or to more"
            )
        for verdict in self.verdicts:
            if verdict not in VERDICTS:
                raise ConfigError(
                    f"retention: verdicts has {verdict!r}; known: {', '.join(VERDICTS)}"
                )
