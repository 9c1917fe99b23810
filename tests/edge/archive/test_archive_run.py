"""A run from the inside: what an engine loses, what goes well at the second try, what is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from edge.archive.ahead import AT_ONCE, fetch_ahead
from edge.archive.model import load_model
from edge.archive.opening import open_source
from edge.archive.places import open_place
from edge.archive.run import ArchiveRun
from edge.cameras.smear import SmearSettings, draw_field
from edge.config import DeviceConfig
from edge.contract.errors import DeviceLostError
from edge.contract.images import encode_image
from edge.engine import Done
from edge.engine.local import LocalEngine
from edge.protocol import default_protocol
from tests.support.painted_field import write_first_opinion
from tests.support.painted_slides import painted_jpeg, write_slide


class LosingEngine(LocalEngine):
    """An engine whose worker dies of every slide "b", and which gives the others in no order."""

    def stream(self, task: Any, items: Iterable[Any], *, cpus: int = 1) -> Iterator[Done[Any]]:
        done = [
            Done(index, error=DeviceLostError("a worker died"))
            if item == "b"
            else Done(index, value=task(item))
            for index, item in enumerate(items)
        ]
        yield from reversed(done)


class EagerEngine(LocalEngine):
    """An engine that has all slides before it does the first, as one with many workers may."""

    def stream(self, task: Any, items: Iterable[Any], *, cpus: int = 1) -> Iterator[Done[Any]]:
        return super().stream(task, list(items), cpus=cpus)


@pytest.fixture()
def prepared(tmp_path: Path) -> Callable[..., ArchiveRun]:
    bundle = write_first_opinion(tmp_path / "bundle")
    model, _ = load_model(tmp_path / "home", DeviceConfig(bundle=str(bundle.path)))

    def prepare(source: Path, **changes: Any) -> ArchiveRun:
        place = open_place(str(tmp_path / "out"))
        settings = {"engine": LocalEngine()} | changes
        return ArchiveRun(
            open_source(str(source)), place, settings.pop("engine"), model, default_protocol(),
            "1.0", **settings,
        )  # fmt: skip

    return prepare


def test_slide_that_kills_its_worker_is_listed(prepared: Any, tmp_path: Path) -> None:
    for name in "abc":
        write_slide(tmp_path / "slides" / name, 1)
    report = prepared(tmp_path / "slides", engine=LosingEngine()).run()
    assert (report.counts.screened, report.tables.slides) == (2, 2)
    (failure,) = report.failures
    assert (failure.slide, failure.what, failure.tries) == ("b", "lost with its worker", 1)
    assert "a worker died" in failure.value and "memory" in failure.what_to_do
    report = prepared(tmp_path / "slides").run()
    assert (report.counts.screened, report.counts.skipped, report.failures) == (1, 2, [])


def test_slide_that_is_emptied_meanwhile_has_no_row(prepared: Any, tmp_path: Path) -> None:
    for name in "ab":
        write_slide(tmp_path / "slides" / name, 1)

    def watch(_: Any) -> None:
        (tmp_path / "slides" / "b" / "f0.jpg").unlink(missing_ok=True)

    run = prepared(tmp_path / "slides", engine=EagerEngine(), watch=watch, pause=lambda _: None)
    report = run.run()
    assert report.tables.slides == 1 and report.later == []
    (failure,) = report.failures
    assert (failure.slide, failure.tries) == ("b", 3)
    assert failure.value == "b: the slide holds no field any more"
    assert prepared(tmp_path / "slides").run().failures == []


def test_what_passes_is_tried_again(prepared: Any, tmp_path: Path) -> None:
    slide, away = write_slide(tmp_path / "slides" / "a", 1), tmp_path / "away.jpg"
    (slide / "late.jpg").symlink_to(away)
    pauses, seen = [], []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            away.write_bytes(painted_jpeg(0, 1))

    watch = lambda counts: seen.append((counts.screened, counts.failed))  # noqa: E731
    report = prepared(tmp_path / "slides", pause=pause, watch=watch).run()
    assert pauses == [0.5, 1.0] and seen == [(0, 1), (0, 1), (1, 0)]
    assert report.failures == [] and report.tables.fields == 2
    assert (tmp_path / "out" / "failures.csv").read_text().splitlines() == [
        "slide,what,value,what_to_do,tries"
    ]
    # Nothing of the run itself stays.
    assert not (tmp_path / "out" / "run.token").exists()


def test_slide_does_not_depend_on_those_before(tmp_path: Path) -> None:
    """The shipped finder remembers how wide the cells of the last fields were."""
    for slide, fields, um_per_px in (("a", 6, 0.12), ("b", 2, 0.135)):
        (folder := tmp_path / "slides" / slide).mkdir(parents=True)
        smear = SmearSettings(640, 480, um_per_px, 40 if slide == "a" else 48)
        for number in range(fields):
            image = draw_field(smear, 3, number).image
            (folder / f"{number}.jpg").write_bytes(encode_image(image, ".jpg"))
    parts = []
    for source in (tmp_path / "slides", tmp_path / "slides" / "b"):
        model, _ = load_model(tmp_path / "home", DeviceConfig())
        place = open_place(str(tmp_path / f"out{len(parts)}"))
        run = ArchiveRun(
            open_source(str(source)), place, LocalEngine(), model, default_protocol(), "1.0"
        )
        assert run.run().failures == []
        cells = pq.read_table(place.local / "tables" / "cells").to_pylist()
        names = ("field", "left_px", "top_px", "width_px", "score", "label")
        parts.append([[c[n] for n in names] for c in cells if c["slide_id"] in ("b", ".")])
    assert len(parts[0]) > 40 and parts[0] == parts[1]


def test_few_are_fetched_ahead_and_in_order() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    for number, fetched in fetch_ahead(lambda at: 2 * at, items()):
        assert fetched == 2 * number and len(asked) <= number + AT_ONCE
    assert asked == list(range(100))
    with pytest.raises(OSError, match="gone"):
        for _ in fetch_ahead(_gone, [1, 2, 3]):
            raise AssertionError("nothing comes")


def _gone(_: int) -> None:
    raise OSError("gone")
