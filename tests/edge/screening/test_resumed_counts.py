"""Counts from records are those that were counted: what goes on must not know the difference."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings
from edge.config import DeviceConfig
from edge.installed import load_screener
from edge.screening.reading import Reading, read_fields
from edge.screening.resumed import notes_of
from edge.screening.screener import refused_field
from edge.screening.uncertain import NONE_FLAGGED, Flagged
from edge.store.store import Store
from edge.tally import Tally, tally_fields


def test_stored_fields_count_as_they_did(tmp_path: Path) -> None:
    screener = load_screener(tmp_path, DeviceConfig(threads=1))
    settings = SmearSettings(parasitaemia_fraction=0.2, cells_per_field=60)
    camera = SimulatedCamera(seed=5, settings=settings, fields=2)
    results = [result for result, _ in read_fields(camera, screener)]
    results.append(refused_field("cut.jpg", "truncated: send it again"))
    with closing(Store(tmp_path / "home")) as store:
        specimen_id = store.start_specimen("S", "simulated", {})
        for index, result in enumerate(results):
            store.save_field(specimen_id, index, result, None)
        notes = notes_of(store.fields(specimen_id))
    whole = tally_fields(results)
    assert whole.positive_count and whole.fields_refused == 1
    assert [note.tally for note in notes] == [tally_fields([result]) for result in results]
    assert [note.flagged for note in notes] == [NONE_FLAGGED.add(one.cells) for one in results]
    joined = Tally()
    for note in notes:
        joined = joined.join(note.tally)
    assert joined == whole
    screener.close()


def test_what_is_forgotten_makes_room_again() -> None:
    assert Flagged(100, 7).without(Flagged(40, 3)) == Flagged(60, 4)
    reading = Reading(Flagged(40, 3))
    reading.forget("a field that was never seen", Flagged(40, 3))
    assert reading.flagged == NONE_FLAGGED
