"""The quick checks as figures, and the heart."""

from __future__ import annotations

from collections.abc import Iterator

from edge.health import FAILED, OK, WARNING, Check
from edge.watchdog import Heartbeat
from web_ui.metrics.exposition import COUNTER, GAUGE, Family, labelled, single

STATES = {OK: 0, WARNING: 1, FAILED: 2}


def check_families(checks: list[Check]) -> Iterator[Family]:
    """Of each check its state as a number."""
    yield labelled(
        "clinicscope_check_state",
        GAUGE,
        "0 in order, 1 to be looked at, 2 failed.",
        "check",
        {check.name: STATES[check.state] for check in checks},
    )


def heart_families(heart: Heartbeat | None) -> Iterator[Family]:
    """How the heart beats; none where nothing watches the parts."""
    if heart is None:
        return
    state = heart.state()
    yield single("clinicscope_heartbeats_total", COUNTER, "All parts answered.", state.beats)
    if state.age_s is not None:
        words = "Since all parts answered last."
        yield single("clinicscope_heartbeat_age_seconds", GAUGE, words, state.age_s)
