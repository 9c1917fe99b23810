"""What is read a page at a time: fields of a specimen, results of several, specimens by state."""

from __future__ import annotations

from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.contract.errors import NotFoundError
from edge.store.results import Results
from edge.store.search import Search, SpecimenFilter


def test_fields_are_read_in_pages(tmp_path: Path) -> None:
    store = make_store(tmp_path / "home", Clock())
    specimen_id = screen(store, "positive", "S-1", fields=5)

    def indices(limit: int | None = None, after: int | None = None) -> list[int]:
        return [field.index for field in store.fields(specimen_id, limit, after)]

    assert indices() == [0, 1, 2, 3, 4]
    assert indices(2) == [0, 1] and indices(2, 1) == [2, 3] and indices(2, 3) == [4]
    assert indices(after=4) == [] and indices(0) == []
    with pytest.raises(NotFoundError):
        store.fields("none", 1)
    store.close()


def test_results_in_force_of_several_are_read_at_once(tmp_path: Path) -> None:
    store = make_store(tmp_path / "home", Clock())
    made = [screen(store, "positive", f"S-{number}", fields=0) for number in range(3)]
    running = store.start_specimen("S-9", "simulated", {})
    Results(store).sign(made[1], "A. Reader")
    found = Results(store).current_of([*made[:2], running, "none"])
    assert {one: result.version for one, result in found.items()} == {made[0]: 1, made[1]: 2}
    assert Results(store).current_of([]) == {}
    assert Search(store).by_status() == {"done": 3, "running": 1}
    with_result = Search(store).page(SpecimenFilter(has_result=True))
    assert [one.specimen_id for one in with_result] == made[::-1]
    store.close()
