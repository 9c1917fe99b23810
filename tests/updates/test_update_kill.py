"""The harness finds what it looks for, and a short run of it finds nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.updates.stage import ASIDE_DIR
from tests.support.signed_updates import make_clinic
from tests.updates.kill import Figures, _judge, flip_often, kill_at_each_step, kill_often


def test_a_short_run_costs_nothing(tmp_path: Path) -> None:
    for name in ("kills", "flips", "steps/install", "steps/take back"):
        (tmp_path / name).mkdir(parents=True)
    figures = kill_often(2, 3, tmp_path / "kills")
    flip_often(40, 3, tmp_path / "flips", figures)
    kill_at_each_step(figures, tmp_path / "steps", most=1)
    assert figures.is_clean, (figures.bricks, figures.wrong_accepts)
    assert (figures.kills, figures.flips) == ({"install": 1, "take back": 1}, 40)
    assert figures.steps == {"install": 1, "take back": 1}


def test_a_brick_is_found(tmp_path: Path) -> None:
    clinic, figures = make_clinic(tmp_path), Figures(1)
    (clinic.home / ASIDE_DIR / "left").mkdir(parents=True)
    assert _judge(clinic, {5}, figures, 5) == ""  # which the start has cleared away
    assert _judge(clinic, {7}, figures, 5) == "version 5 is in use, allowed: [7]"
    broken = clinic.home / "bundles" / "broken"
    shutil.copytree(clinic.bundle(4), broken)
    (broken / "manifest.json").write_text("{}")
    assert _judge(clinic, {5}, figures, 5) == "a bundle is not whole"
    (clinic.home / "bundle-choices.json").write_text("{")
    assert "the start ended with 1" in _judge(clinic, {5}, figures, 5)


def test_a_wrong_accept_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that checks neither signature nor sums takes what was altered."""
    monkeypatch.setattr("tests.updates.kill._taken", lambda *_: {"manifest.json": b"other"})
    figures = Figures(1)
    flip_often(2, 1, tmp_path, figures)
    assert len(figures.wrong_accepts) == 2 and not figures.is_clean
