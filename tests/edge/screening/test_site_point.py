"""A site's operating point from hand-made logits: where it goes, how sure, and when it counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.reference import ClassLogits, LogitReference
from edge.contract.site import SiteCheck, estimate_shift, shift_in_force
from tests.conftest import SHIPPED

HOME = LogitReference("drawn", ClassLogits(-4.0, 1.0, 1.0), ClassLogits(4.0, 1.0, 1.0))
CHECK = SiteCheck(
    bundle_id="a", bundle_sha256="b", checked_by="A. Person", checked_utc="2026-01-01T00:00:00",
    shift=-1.0, shift_low=-2.0, shift_high=0.5, n_parasitised=10, n_uninfected=12,
    found_before=6, found_after=9, false_before=0, false_after=1,
)  # fmt: skip


def labelled(healthy: float, sick: float, count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Logits spread evenly round a median for each class, and the labels."""
    spread = np.linspace(-1, 1, count)
    logits = np.concatenate([healthy + spread, sick + spread]).astype(np.float32)
    return logits, np.arange(2 * count) >= count


def test_site_like_home_moves_nothing() -> None:
    shift = estimate_shift(*labelled(-4, 4), 2.0, HOME)
    assert shift.value == pytest.approx(0, abs=1e-6)
    assert shift.low < 0 < shift.high


def test_threshold_follows_the_class_that_it_lies_near() -> None:
    # At 2 it lies .75 of the way to the infected median, so their fall by 2 counts for .75.
    shift = estimate_shift(*labelled(-4, 2, 4001), 2.0, HOME)
    assert shift.value == pytest.approx(-1.5, abs=0.01)
    other = estimate_shift(*labelled(-3, 4, 4001), 2.0, HOME)
    assert other.value == pytest.approx(0.25, abs=0.01)


def test_few_cells_are_drawn_towards_the_bundles_own_threshold() -> None:
    few = estimate_shift(*labelled(-6, 2, 10), 0.0, HOME)
    many = estimate_shift(*labelled(-6, 2, 400), 0.0, HOME)
    noise = np.pi / 2 / 10
    assert few.value == pytest.approx(-2 / (1 + noise), abs=1e-4)
    assert many.value < few.value < 0
    assert few.high - few.low > 3 * (many.high - many.low)


def test_one_wrong_label_moves_it_little() -> None:
    logits, infected = labelled(-4, 4, 11)
    wrong = infected.copy()
    wrong[[5, 16]] = ~wrong[[5, 16]]
    assert abs(estimate_shift(logits, wrong, 0.0, HOME).value) < 0.25


def test_a_class_with_too_few_cells_is_refused() -> None:
    logits, infected = labelled(-4, 4)
    with pytest.raises(DataError, match="9 cells are parasitised; at least 10"):
        estimate_shift(logits[:-1], infected[:-1], 0.0, HOME)
    with pytest.raises(DataError, match="0 cells are uninfected"):
        estimate_shift(logits, np.ones(20, bool), 0.0, HOME)


def test_check_counts_for_its_own_bundle_alone() -> None:
    bundle = open_bundle(SHIPPED)
    assert shift_in_force(None, bundle) is None
    assert shift_in_force(CHECK, bundle) is None
    assert shift_in_force(replace(CHECK, bundle_sha256=bundle.sha256), bundle) == -1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shift": float("nan")}, "shift is nan; a finite logit"),
        ({"n_parasitised": 3}, "n_parasitised is 3; at least 10"),
    ],
)
def test_check_that_cannot_be_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CHECK, **change)  # type: ignore[arg-type]


def test_reference_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="spread is 0"):
        ClassLogits(0.0, 0, 1.0)
    with pytest.raises(ManifestError, match="median is inf"):
        ClassLogits(float("inf"), 1.0, 1.0)
    with pytest.raises(ManifestError, match="below that of infected"):
        replace(HOME, infected=HOME.healthy)
