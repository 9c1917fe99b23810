"""Records of tables to one page and one Markdown file; what is broken is refused with its path."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compress.layer_errors import LayerError
from compress.measure import Latency, VariantRow
from compress.report.fronts import read_front
from compress.report.page import write_report
from compress.report.plots import front_of
from compress.tables import LayerErrors, VariantTable, read_table, read_tables, write_table
from edge.contract.errors import DataError
from train.bootstrap import Figure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FRONT = {
    "title": "Search under 100 kB",
    "command": "clinicscope compress search malaria-cells --device rpi4",
    "columns": ["trial", "AUC", "bytes"],
    "rows": [["17", 0.9882, 25400], ["21", 0.9911, 48000]],
    "cost": "bytes",
    "gain": "AUC",
    "note": "Predicted times.",
}


def row(name: str, auc: float, size: int, ms: float, **changes: Any) -> VariantRow:
    def figure(value: float) -> Figure:
        return Figure(value, value - 0.002, value + 0.001, 1000, 40)

    made = VariantRow(
        name,
        "tflite",
        size,
        size - 100,
        90_193,
        13_400_000,
        0.0125,
        0.5,
        figure(auc),
        figure(0.9671),
        figure(auc - 0.9938),
        figure(-0.0004),
        Latency(ms, 2 * ms),
        Latency(ms / 2, ms),
        6.7,
    )
    return replace(made, **changes)


@pytest.fixture()
def table() -> VariantTable:
    float32 = row("float32", 0.9938, 360_000, 0.14)
    return VariantTable(
        "malaria-cells",
        "Malaria cells, a student of 64 px",
        ("uninfected", "parasitised"),
        "clinicscope compress run malaria-cells --peers peers",
        "1,000 cells of 40 patients, nih-cells",
        (0, 1),
        "a processor, 2 cores",
        "float32",
        (
            replace(float32, auc_difference=None, accuracy_difference=None),
            row("int8", 0.99354, 99_640, 0.05, note="cam <in> float | kept"),
        ),
        (row("a peer", 0.9909, 1_575_964, 0.4, sparsity=None, peak_mb=None),),
        (LayerErrors("int8", (LayerError("cam", "CONV_2D", 0.04, 0.02, "t"),)),),
        ("One note.",),
    )


@pytest.fixture()
def records(tmp_path: Path, table: VariantTable) -> Path:
    write_table(tmp_path / "records/malaria-cells/table.json", table)
    path = tmp_path / "records/search-rpi4/front.json"
    path.parent.mkdir()
    path.write_text(json.dumps(FRONT))
    return tmp_path / "records"


def test_table_is_read_back_as_it_was_written(tmp_path: Path, table: VariantTable) -> None:
    write_table(tmp_path / "t/table.json", table)
    assert read_table(tmp_path / "t/table.json") == table
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["table.json"]


def test_page_shows_every_row_and_reaches_for_nothing(records: Path, tmp_path: Path) -> None:
    write_report(tmp_path / "docs/page.html", tmp_path / "docs/tables.md", records)
    page = (tmp_path / "docs/page.html").read_text()
    assert not re.search(r"<script|https?:|src=\"(?!data:)|@import|<link", page)
    for text in (
        "1. float32", "2. int8", "3. a peer", "99,640", "99,540", "13.4", "90,193",
        ".9935", ".9915 to .9945", "−.0003", "−.04", "−.24 to +.06", "0.050", "0.100", "6.7",
        "Malaria cells, a student of 64 px", "called at .5", "One note.", "a processor, 2 cores",
        "clinicscope compress run malaria-cells --peers peers", "8.0 ×",
        "cam &lt;in&gt; float", "Search under 100 kB", "48,000", "not for diagnosis",
    ):  # fmt: skip
        assert text in page, text
    pictures = re.findall(r"src=\"data:image/svg\+xml;base64,([^\"]+)\"", page)
    assert len(pictures) == 4
    assert all(b"<svg" in base64.b64decode(picture) for picture in pictures)


def test_markdown_has_the_same_figures_and_each_command(records: Path, tmp_path: Path) -> None:
    write_report(tmp_path / "page.html", tmp_path / "tables.md", records)
    text = (tmp_path / "tables.md").read_text()
    assert (
        "| 2. int8 (tflite; cam <in> float \\| kept) | 99,640 (99,540) | 13.4 (90,193) | 1 % |"
        in (text)
    )
    assert "| .9935 (.9915 to .9945) |" in text
    assert "3. a peer (tflite), peer | 1,575,964" in text
    assert "| cam | CONV_2D | 2.00 |" in text
    assert "| 2. int8 (tflite) | 8.0 × | 8.0 × |" in text
    for command in ("compress run malaria-cells --peers peers", "compress search malaria-cells"):
        assert text.count(command) == 1
    # A table keeps its shape: as many cells in each row as its head has.
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    for block in tables:
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_several_classes_say_macro_auc_and_how_calls_are_made(
    records: Path, tmp_path: Path, table: VariantTable
) -> None:
    rows = tuple(replace(one, threshold=None) for one in table.rows)
    several = replace(table, labels=("a", "b", "c"), rows=rows, peers=(), layer_errors=())
    write_table(records / "stages/table.json", several)
    folds = replace(table, rows=rows)
    write_table(records / "folds/table.json", folds)
    own = (rows[0], replace(rows[1], threshold=0.37))
    write_table(records / "own/table.json", replace(table, rows=own))
    write_report(tmp_path / "page.html", tmp_path / "tables.md", records)
    page = (tmp_path / "page.html").read_text()
    for text in (
        "macro AUC", "the likeliest class is called",
        "each fold called at the threshold that is most accurate on the others",
        "each variant&#39;s own threshold",
    ):  # fmt: skip
        assert text in page, text


def test_front_holds_what_nothing_beats() -> None:
    costs, gains = [3.0, 1.0, 2.0, 2.0, 4.0], [0.9, 0.5, 0.8, 0.7, 0.9]
    assert front_of(costs, gains) == [1, 2, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(colour=1), r"unknown keys \['colour'\]"),
        (lambda t: t["rows"][0].pop("bytes"), r"table\.rows\[0\] lacks \['bytes'\]"),
        (lambda t: t["rows"][1].update(macs="many"), r"macs is 'many'; expected int"),
        (lambda t: t.update(rows=[]), "expected at least one"),
        (lambda t: t["rows"][1].update(name="float32"), "each with a name of its own"),
        (lambda t: t.update(reference="float64"), "reference 'float64'"),
        (lambda t: t["rows"][1]["auc"].update(value=float("nan")), r"rows\[1\]\.auc\.value is not"),
    ],
)
def test_broken_table_is_refused_with_its_path(
    records: Path, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    path = records / "malaria-cells/table.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as refused:
        write_report(tmp_path / "page.html", tmp_path / "tables.md", records)
    assert str(path) in str(refused.value)
    assert not (tmp_path / "page.html").exists()


def test_cut_or_absent_records_are_refused(records: Path, tmp_path: Path) -> None:
    path = records / "malaria-cells/table.json"
    path.write_text(path.read_text()[:200])
    with pytest.raises(DataError, match=r"table\.json is no table of variants"):
        read_tables(records)
    with pytest.raises(DataError, match=r"holds no TASK/table\.json"):
        read_tables(tmp_path / "nothing")


def test_table_that_is_not_finite_is_not_written(tmp_path: Path, table: VariantTable) -> None:
    broken = replace(table, rows=(replace(table.rows[0], peak_mb=float("inf")),))
    with pytest.raises(DataError, match=r"rows\[0\]\.peak_mb is not finite"):
        write_table(tmp_path / "table.json", broken)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [["17", 0.9]]}, "row 1 has 2 cells for 3 columns"),
        ({"cost": "ms"}, "column 'ms' holds"),
        ({"gain": "trial"}, r"column 'trial' holds \['17', '21'\]; expected numbers"),
        ({"rows": []}, "expected numbers to draw"),
        ({"tint": 1}, "is no front of a search"),
    ],
)
def test_broken_front_is_refused_with_its_path(
    records: Path, change: dict[str, Any], message: str
) -> None:
    path = records / "search-rpi4/front.json"
    path.write_text(json.dumps(FRONT | change))
    with pytest.raises(DataError, match=message) as refused:
        read_front(path)
    assert str(path) in str(refused.value)


def test_command_writes_both_files(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from compress.commands.report import report

    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(report, ["--records", str(records)], catch_exceptions=False)
    assert done.exit_code == 0
    assert (tmp_path / "docs/compression.html").is_file()
    assert (tmp_path / "docs/compression-tables.md").is_file()
