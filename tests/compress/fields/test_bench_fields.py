"""`bench fields` on painted collections, of which every figure is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from compress.fields import finders
from compress.fields.bench import Measured, Options, measure_fields
from compress.fields.finders import FinderKind, classical, open_finder
from compress.fields.fold_models import read_fold_models
from compress.fields.measured import Families
from compress.fields.normalisations import NORMALISATIONS, open_normalisation
from compress.fields.reading import Reading, folds_of
from compress.fields.table import Row, Section, Target, print_sections, sections_to_json
from compress.fields.worst import not_called, not_found, worst_false_alarms, worst_fields
from edge.contract.types import CellBox, Frame
from tests.support.drawn_fields import N_CELLS, DrawnWorld, write_world
from train.bootstrap import Figure
from train.fields.callers import call_fields
from train.fields.truth import read_fields

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DrawnWorld:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def measured(world: DrawnWorld, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("readings")
    return measure_fields(Options(models=world.models, readings=folder, data=world.data))


def figure(measured: Measured, section: str, what: str) -> Figure:
    found = next(s for s in measured.sections if section in s.title)
    (row,) = [row for row in found.rows if row.what == what]
    return row.figure


def test_every_painted_cell_is_found_and_every_infected_one_called(measured: Measured) -> None:
    finding = "iml-fields: 5 fields, finding"
    assert figure(measured, finding, "cells found: recall at IoU .5").value == 1
    assert figure(measured, finding, "cells found: precision at IoU .5").value == 1
    assert figure(measured, finding, "count error a field, median").value == 0
    assert figure(measured, finding, "fields whose cells carry labels").value == 1
    calling = "iml-fields: malaria-cells, threshold of nih-cells"
    assert figure(measured, calling, "infected cells: F1").value == 1
    assert figure(measured, calling, "infected fields caught").value == 1
    assert figure(measured, calling, "clean fields flagged").value == 0
    assert figure(measured, calling, "parasitaemia a block against truth: r").value > 0.999
    assert figure(measured, calling, "ring: recall, of cells found and called").value == 1
    new = "iml-fields: malaria-cells-nih"
    assert figure(measured, new, "cells found: AUC").value == 1


def test_blood_without_malaria_has_no_calls(measured: Measured) -> None:
    for name in ("chula-fields", "bccd-fields"):
        section = f"{name}: malaria-cells, threshold of nih-cells"
        assert figure(measured, section, "false positive calls per 1,000 cells").value == 0
        assert figure(measured, f"{name}: 2 fields", "cells found: recall").value == 1
    assert figure(measured, "white cells and platelets", "platelets found").value == 0


def test_field_is_read_with_the_fold_that_held_its_block_out(
    world: DrawnWorld, measured: Measured
) -> None:
    folds = [one.reading.fold for one in measured.collections["iml-fields"].fields]
    assert folds == [0, 1, 2, 3, 4]
    assert folds_of("chula-fields", read_fields("chula-fields", world.data)) == [0, 0]


def test_finder_of_ones_own_is_asked_for_each_fold(world: DrawnWorld, tmp_path: Path) -> None:
    asked = []

    def nothing(_frame: Frame) -> tuple[CellBox, ...]:
        return ()

    def for_fold(fold: int) -> Callable[[Frame], tuple[CellBox, ...]]:
        asked.append(fold)
        return nothing

    reading = Reading(
        read_fold_models(world.models), Families().all, FinderKind("blind", for_fold), tmp_path
    )
    truths = read_fields("iml-fields", world.data)
    found = reading.read("iml-fields", truths)
    assert asked == [0, 1, 2, 3, 4]
    assert all(len(one.boxes_px) == 0 and not one.refused for one in found)
    assert (tmp_path / "blind/iml-fields/F3.npz").is_file()


def test_readings_are_kept_until_what_made_them_changes(world: DrawnWorld, tmp_path: Path) -> None:
    calls = []

    def counting(frame: Frame) -> tuple[CellBox, ...]:
        calls.append(frame.name)
        return ()

    models, truths = read_fold_models(world.models), read_fields("chula-fields", world.data)
    kind = FinderKind("counting", lambda _fold: counting, "first")
    reading = Reading(models, Families().all, kind, tmp_path)
    for _ in range(2):
        reading.read("chula-fields", truths)
    assert calls == ["1.jpg", "2.jpg"]
    other = replace(reading, finder=replace(kind, made_of="second"))
    replace(other, as_read=True).read("chula-fields", truths)
    assert len(calls) == 2
    other.read("chula-fields", truths)
    assert len(calls) == 4


def test_refused_and_broken_fields_say_why(world: DrawnWorld, tmp_path: Path) -> None:
    reader = Reading(read_fold_models(world.models), Families().all, classical(), tmp_path).open(0)
    small = reader.read_frame(Frame(np.full((64, 64, 3), 200, np.uint8), "small"))
    assert "too small" in small.refused
    assert small.logits["malaria-stages-student"].shape == (0, 4)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    broken = reader.read(tmp_path / "broken.jpg")
    assert broken.refused
    assert broken.width_px == 0
    reader.close()


def test_worst_cells_and_fields_are_those_that_are_wrong(measured: Measured) -> None:
    iml = measured.collections["iml-fields"]
    caller = measured.callers[0]
    blind = replace(caller, thresholds=dict.fromkeys(range(5), 99.0))
    missed = not_called(iml.fields, call_fields(iml.fields, blind))
    assert [cell.label for cell in missed] == ["ring"] * 10
    logits = [cell.logit for cell in missed]
    assert logits == sorted(logits)
    easy = replace(caller, thresholds=dict.fromkeys(range(5), -99.0))
    alarms = worst_false_alarms(iml.fields, call_fields(iml.fields, easy))
    assert len(alarms) == 5 * N_CELLS - 10
    assert not not_found(iml.fields)
    assert [(worst.missed, worst.false) for worst in worst_fields(iml)] == [(0, 0)] * 3


def test_command_prints_the_table_and_writes_json_and_sheet(
    world: DrawnWorld, clinicscope: Run, tmp_path: Path
) -> None:
    options = ["--data", world.data, "--models", world.models, "--readings", tmp_path / "readings"]
    code, out, err = clinicscope(
        "bench",
        "fields",
        *options,
        "--no-speed",
        "--json",
        tmp_path / "f.json",
        "--sheet",
        tmp_path,
    )
    assert code == 0, err
    assert re.search(r"recall at IoU \.5 +1 .*>= 0\.9600 met", out), out
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["finder"] == "classical"
    first = content["sections"][0]["rows"][1]
    assert (first["value"], first["target"], first["met"]) == (1.0, ">= 0.9600", True)
    page = (tmp_path / "fields.html").read_text()
    assert "Worst fields" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    code, out, _ = clinicscope(
        "bench", "fields", *options, "--no-speed", "--as-read", "--json", "-"
    )
    assert json.loads(out) == content


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--finder", "x"), "no finder 'x'; known: classical"),
        (("--normalise", "x"), "no normalisation 'x'; known: none"),
        (("--known", "x"), "holds no networks of 'x'; known: malaria-cells, malaria-cells-nih"),
    ],
)
def test_unknown_names_are_refused(
    world: DrawnWorld, clinicscope: Run, tmp_path: Path, option: tuple[str, str], message: str
) -> None:
    code, _, err = clinicscope(
        "bench", "fields", "--data", world.data, "--models", world.models, "--no-speed",
        "--readings", tmp_path, *option,
    )  # fmt: skip
    assert code == 3
    assert message in err


def test_finders_and_normalisations_on_offer_are_there() -> None:
    for place in (*finders.FINDERS.values(), *NORMALISATIONS.values()):
        module, _, attribute = place.partition(":")
        assert hasattr(import_module(module), attribute)
    assert open_finder("classical").name == "classical"
    assert open_normalisation("none").name == "none"


def test_targets_are_met_as_they_say() -> None:
    assert Target(0.96).met(0.96)
    assert not Target(0.96).met(0.9599)
    assert Target(5, "at most").met(5)
    assert Target(0.2, "within").met(-0.2)
    assert not Target(0.2, "within").met(-0.21)
    assert not Target(0.2).met(float("nan"))
    assert [str(Target(v, k)) for v, k in ((0.2, "within"), (6.0, "at most"))] == [
        "+- 0.2000",
        "<= 6",
    ]


def test_table_marks_what_is_missed_and_json_has_no_nan() -> None:
    nan = float("nan")
    rows = (
        Row("low", Figure(0.5, 0.4, 0.6, 1000, 17), Target(0.9)),
        Row("unknown", Figure(nan, nan, nan, 0, 1)),
    )
    text = print_sections([Section("Title", rows, ("A note.",))])
    assert re.search(r"low +0\.5000 +0\.4000 to 0\.6000 +>= 0\.9000 NOT MET +n 1,000 of 17", text)
    assert "A note." in text
    listed = sections_to_json([Section("Title", rows)])
    assert listed[0]["rows"][1]["value"] is None
    assert json.dumps(listed, allow_nan=False)
