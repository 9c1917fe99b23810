"""Batches of single pictures: order, owners, progress, and what breaks off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.errors import BundleError, BusyError, NotFoundError
from edge.contract.images import encode_image
from edge.screening import batches as rooms
from edge.screening.batches import Batch, Batches
from edge.screening.picture_worker import PictureWorker
from tests.support.drawn_radiographs import chest_png, draw_chest, load_drawn, write_dicom

TASK = "cxr-pneumonia"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[PictureWorker]:
    found = PictureWorker(load_drawn(tmp_path / "bundles"))
    yield found
    found.close()


@pytest.fixture
def batches(worker: PictureWorker, tmp_path: Path) -> Batches:
    return Batches(worker, tmp_path / "pictures")


def save(batches: Batches, name: str, *contents: bytes) -> list[Path]:
    folder = batches.folder / name
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.png" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def wait(batches: Batches, worker: PictureWorker, batch_id: str) -> Batch:
    for _ in range(100):
        found = batches.get(batch_id, "7")
        if not found.running:
            return found
        worker.submit(TASK, lambda _: None).exception()
    raise AssertionError("waited in vain")


def test_rows_come_in_the_order_given_and_bad_ones_say_why(
    batches: Batches, worker: PictureWorker
) -> None:
    contents = [chest_png(90), b"no picture", chest_png(-70)] * 7
    found = wait(batches, worker, batches.start("7", TASK, save(batches, "a", *contents)))
    assert [result.path for result in found.results] == [f"{n}.png" for n in range(21)]
    calls = [result.call for result in found.results[:3]]
    assert calls == ["pneumonia", "", "normal"] and "not an image" in found.results[1].refused
    assert (found.total, found.problem, found.bundle_id) == (21, "", "drawn-1")


def test_name_in_a_dicom_header_is_not_kept(batches: Batches, worker: PictureWorker) -> None:
    bright = write_dicom(draw_chest(90), WindowCenter=128, WindowWidth=256)
    films = [bright, write_dicom(draw_chest(), Modality="CT")]
    paths = save(batches, "a", *films)
    found = wait(batches, worker, batches.start("7", TASK, paths))
    assert [result.call for result in found.results] == ["pneumonia", ""]
    assert not any(b"Secret" in path.read_bytes() for path in paths)
    assert batches.view(found, 0).result.call == "pneumonia"
    refused = batches.view(found, 1)
    assert refused.image is None and "modality 'CT'" in refused.result.refused


def test_batch_is_its_owners_alone(batches: Batches, worker: PictureWorker) -> None:
    batch_id = batches.start("7", TASK, save(batches, "a", chest_png()))
    for wrong in ((batch_id, "8"), ("0" * 32, "7"), ("../x", "7")):
        with pytest.raises(NotFoundError):
            batches.get(*wrong)
    wait(batches, worker, batch_id)


def test_view_shows_the_map_and_is_kept(batches: Batches, worker: PictureWorker) -> None:
    paths = save(batches, "a", chest_png(90), b"no picture", encode_image(_stained()))
    found = wait(batches, worker, batches.start("7", TASK, paths))
    view = batches.view(found, 0)
    assert view.image is not None and view.cam is not None
    assert (view.result.call, view.finding) == ("pneumonia", "pneumonia")
    assert view.certainty is not None and view.certainty > 0.5
    assert batches.view(found, 0) is view
    unreadable, coloured = batches.view(found, 1), batches.view(found, 2)
    assert unreadable.image is None and not unreadable.result.call
    assert coloured.image is not None and coloured.cam is None
    assert "in colour" in coloured.result.refused
    with pytest.raises(NotFoundError, match="no picture 3"):
        batches.view(found, 3)
    for number in range(rooms.VIEWS_KEPT + 1):
        batches.view(found, number % 3)
    paths[0].unlink()
    batches._views.clear()
    with pytest.raises(NotFoundError, match="no longer here"):
        batches.view(found, 0)


def _stained() -> np.ndarray:
    found = np.zeros((60, 60, 3), np.uint8)
    found[:] = (190, 90, 140)
    return found


def test_bundle_that_must_not_be_used_is_the_batchs_problem(
    batches: Batches, worker: PictureWorker
) -> None:
    batch_id = batches.start("7", "malaria-stages", save(batches, "a", chest_png()))
    found = wait(batches, worker, batch_id)
    assert "no bundle for 'malaria-stages'" in found.problem and not found.results
    with pytest.raises(BundleError):
        batches.view(found, 0)


def test_too_many_at_once_are_refused_and_old_ones_pushed_out(
    batches: Batches, worker: PictureWorker
) -> None:
    gate = threading.Event()
    blocked = worker.submit(TASK, lambda _: gate.wait(10))
    ids = [
        batches.start("7", TASK, save(batches, f"b{n}", chest_png()))
        for n in range(rooms.MOST_WAITING)
    ]
    with pytest.raises(BusyError, match="wait until they are done"):
        batches.start("7", TASK, save(batches, "late", chest_png()))
    gate.set()
    assert blocked.result(10)
    for batch_id in ids:
        wait(batches, worker, batch_id)
    first = batches.get(ids[0], "7").paths[0]
    for number in range(rooms.KEPT):
        newer = batches.start("7", TASK, save(batches, f"c{number}", chest_png()))
        wait(batches, worker, newer)
    assert not first.exists()
    with pytest.raises(NotFoundError):
        batches.get(ids[0], "7")


def test_closed_worker_ends_a_batch_with_a_problem(batches: Batches, worker: PictureWorker) -> None:
    gate = threading.Event()
    worker.submit(TASK, lambda _: gate.wait(10))
    batch_id = batches.start("7", TASK, save(batches, "a", *[chest_png()] * 20))
    closer = threading.Thread(target=worker.close)
    closer.start()
    gate.set()
    closer.join(20)
    found = batches.get(batch_id, "7")
    assert not found.running and found.problem and len(found.results) < 20


def test_worker_forgets_a_bundle_and_takes_the_active_one(tmp_path: Path) -> None:
    opened: list[str] = []
    load = load_drawn(tmp_path / "bundles")

    def remember(task: str) -> Any:
        opened.append(task)
        return load(task)

    worker = PictureWorker(remember)
    for _ in range(2):
        worker.submit(TASK, lambda classifier: classifier.ran_on).result()
    assert opened == [TASK]
    worker.forget()
    worker.submit(TASK, lambda classifier: classifier.ran_on).result()
    assert opened == [TASK, TASK]
    worker.close()
    worker.close()


def test_folder_of_an_earlier_start_is_emptied(worker: PictureWorker, tmp_path: Path) -> None:
    old = tmp_path / "pictures" / "x" / "old.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"x")
    Batches(worker, tmp_path / "pictures")
    assert not old.exists()
