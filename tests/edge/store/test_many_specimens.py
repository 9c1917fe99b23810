"""The database that the figures are taken from is one as the device makes it, only larger."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge.store.audit import Audit
from edge.store.store import Store
from tests.durability.many_specimens import BOUND_MS, fill, main, measure

COUNT = 300


def test_made_database_is_sound_and_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Store(tmp_path)) as store:
        fill(store, COUNT)
        assert store.check_integrity() == []
        assert Audit(store).verify() == []
        assert len(store.fields(store.specimens(1)[0].specimen_id)) == 20
    measured = measure(tmp_path, COUNT, repeats=3)
    assert {"open one", "search by patient", "search by verdict"} <= set(measured)
    assert max(figures["slowest_cpu_ms"] for figures in measured.values()) < BOUND_MS
    main([str(tmp_path), "--specimens", str(COUNT), "--json", str(tmp_path / "figures.json")])
    assert "300 specimens, 6,000 fields" in capsys.readouterr().out
    assert (tmp_path / "figures.json").is_file()
