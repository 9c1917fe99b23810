"""The command line as scripts see it: output, files, exit codes, and bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.smear import SmearSettings, draw_cell, draw_field
from edge.contract.images import decode_image, encode_image
from edge.contract.labels import CELL_LABELS
from tests.conftest import SHIPPED

Run = Callable[..., tuple[int, str, str]]
SLIDE_KEYS = {
    "verdict", "why", "rbc_count", "positive_count", "parasitaemia_fraction", "ci_low", "ci_high",
    "fields_read", "fields_refused", "bundle_id", "bundle_sha256", "runtime", "accelerator",
    "fallback",
}  # fmt: skip
CELL_KEYS = {
    "left_px", "top_px", "width_px", "height_px", "label", "score", "novelty", "refused",
    "disagrees", "uncertain", "counted",
}  # fmt: skip


@pytest.fixture()
def fields(tmp_path: Path) -> Path:
    """Two good fields, and four that are none."""
    folder = tmp_path / "fields"
    folder.mkdir()
    for index in range(2):
        drawn = draw_field(SmearSettings(parasitaemia_fraction=0.2), 9, index).image
        (folder / f"good-{index}.jpg").write_bytes(encode_image(drawn, ".jpg"))
    good = (folder / "good-0.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(good[: len(good) // 3])
    (folder / "text.png").write_text("this is no picture")
    (folder / "flat.png").write_bytes(encode_image(np.full((600, 800, 3), 200, np.uint8)))
    (folder / "tiny.png").write_bytes(encode_image(np.full((3, 3, 3), 90, np.uint8)))
    return folder


def test_screen_writes_the_agreed_json(clinicscope: Run, fields: Path, tmp_path: Path) -> None:
    code, out, _ = clinicscope(
        "screen", fields, "--json", tmp_path / "out.json", "--annotated", tmp_path / "drawn",
        "--report", tmp_path / "report.html",
    )  # fmt: skip
    assert code == 0
    assert "not for diagnosis" in out
    content = json.loads((tmp_path / "out.json").read_text())
    slide = content["slide"]
    assert slide.keys() >= SLIDE_KEYS
    assert (slide["fields_read"], slide["fields_refused"]) == (2, 4)
    assert slide["verdict"] == "positive"
    assert len(content["fields"]) == 6
    for field in content["fields"]:
        assert field.keys() == {"file", "quality", "cells", "timings_ms"}
        assert field["quality"]["usable"] is not bool(field["quality"]["reason"])
        for cell in field["cells"]:
            assert cell.keys() == CELL_KEYS
            assert cell["label"] in CELL_LABELS
    assert {path.name for path in (tmp_path / "drawn").iterdir()} >= {"good-0.jpg", "good-1.jpg"}
    drawn = decode_image((tmp_path / "drawn/good-0.jpg").read_bytes())
    # Below the field is the legend.
    assert drawn.shape[0] > 960 and drawn.shape[1:] == (1280, 3)
    page = (tmp_path / "report.html").read_text()
    assert "positive" in page
    assert "http" not in page


def test_screen_finds_the_drawn_parasites(clinicscope: Run, fields: Path, tmp_path: Path) -> None:
    clinicscope("screen", fields / "good-0.jpg", "--json", tmp_path / "o.json")
    found = json.loads((tmp_path / "o.json").read_text())["slide"]
    truth = draw_field(SmearSettings(parasitaemia_fraction=0.2), 9, 0)
    assert found["rbc_count"] == pytest.approx(truth.rbc_count, rel=0.08)
    assert found["positive_count"] == pytest.approx(truth.positive_count, rel=0.3)


def test_screen_camera_simulated_needs_no_hardware(clinicscope: Run) -> None:
    code, out, _ = clinicscope("screen", "camera:simulated?fields=1&seed=2", "--json", "-")
    assert code == 0
    assert json.loads(out)["slide"]["verdict"] in {"inconclusive", "positive"}


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["screen"], 2, "SOURCE"),
        (["screen", "camera:nonesuch"], 4, "no camera 'nonesuch'"),
        (["screen", "camera:simulated?speed=9"], 2, "do not fit"),
        (["screen", "camera:simulated", "x.png"], 2, "must be the only SOURCE"),
        (["screen", "/nowhere"], 3, "does not exist"),
        (["screen", "camera:simulated", "--bundle", "/nowhere"], 3, "no bundle at"),
        (["screen", "camera:simulated", "--runtime", "abacus"], 4, "abacus: unknown"),
        (["classify"], 2, "PATHS"),
        (["nonesuch"], 2, "nonesuch"),
        (["bundle", "verify", "/nowhere"], 3, "no bundle at"),
    ],
)
def test_errors_say_what_and_exit_as_agreed(
    clinicscope: Run, argv: list[str], code: int, message: str
) -> None:
    found, out, err = clinicscope(*argv)
    assert found == code
    assert message in err
    assert "Traceback" not in err + out


def test_empty_folder_is_an_error_and_never_negative(clinicscope: Run, tmp_path: Path) -> None:
    code, out, err = clinicscope("screen", tmp_path)
    assert code == 3
    assert "holds no PNG" in err
    assert "negative" not in out.lower()


def test_folder_of_refused_fields_is_refused(clinicscope: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    (tmp_path / "b.png").write_bytes(encode_image(np.zeros((600, 800, 3), np.uint8)))
    code, out, _ = clinicscope("screen", tmp_path, "--json", "-")
    assert code == 0
    assert json.loads(out)["slide"]["verdict"] == "refused"


def test_classify_gives_a_row_for_each_input_in_order(clinicscope: Run, tmp_path: Path) -> None:
    inputs = []
    for index, kind in enumerate(["ring", "uninfected", "schizont", "uninfected"]):
        image, mask = draw_cell(kind, 40 + index, 120)
        path = tmp_path / f"z{9 - index}.png"
        path.write_bytes(encode_image(image * mask[:, :, None]))
        inputs.append(path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(inputs[0].read_bytes()[:200])
    inputs.insert(1, broken)
    inputs.append(tmp_path / "missing.png")
    code, _, err = clinicscope("classify", *inputs, "--csv", tmp_path / "out.csv")
    assert code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(path) for path in inputs]
    calls = [row["call"] for row in rows]
    assert calls == ["parasitised", "", "uninfected", "parasitised", "uninfected", ""]
    assert "truncated" in rows[1]["refused"]
    assert "cannot be read" in rows[5]["refused"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows if not row["refused"])
    assert "2 refused" in err


def test_bundle_list_and_inspect(clinicscope: Run) -> None:
    code, out, _ = clinicscope("bundle", "list", "--json")
    listed = {item["task"]: item for item in json.loads(out)}
    assert code == 0
    assert listed.keys() >= {"malaria-cells", "malaria-stages", "cxr-pneumonia", "cxr-covid"}
    assert all(item["active"] and not item["problem"] for item in listed.values())
    found = listed["malaria-cells"]
    assert {"path", "task", "bundle_id", "version", "active"} <= found.keys()
    assert (found["task"], found["active"]) == ("malaria-cells", True)
    code, out, _ = clinicscope("bundle", "inspect", found["path"])
    assert code == 0
    assert "auc" in out
    code, out, _ = clinicscope("bundle", "inspect", found["path"], "--json")
    assert json.loads(out)["positive_label"] == "parasitised"


def test_bundle_verify_finds_a_flipped_byte(clinicscope: Run, bundle_copy: Path) -> None:
    assert clinicscope("bundle", "verify", bundle_copy)[0] == 0
    weights = next(bundle_copy.glob("*.tflite"))
    data = bytearray(weights.read_bytes())
    data[5000] ^= 4
    weights.write_bytes(data)
    code, _, err = clinicscope("bundle", "verify", bundle_copy)
    assert code == 3
    assert "sha256" in err


def test_newer_installed_bundle_becomes_active_and_a_broken_one_is_listed(
    clinicscope: Run, home: Path, bundle_copy: Path
) -> None:
    manifest = json.loads((bundle_copy / "manifest.json").read_text())
    manifest |= {"version": 99, "bundle_id": "malaria-cells-99"}
    (bundle_copy / "manifest.json").write_text(json.dumps(manifest))
    (home / "bundles").mkdir(parents=True)
    bundle_copy.rename(home / "bundles/new")
    (home / "bundles/broken.zip").write_bytes(b"no zip")
    found = json.loads(clinicscope("bundle", "list", "--json")[1])
    active = [x["bundle_id"] for x in found if x["active"] and x["task"] == "malaria-cells"]
    assert active == ["malaria-cells-99"]
    assert any("neither a folder nor a readable zip" in item["problem"] for item in found)


def test_selftest_and_doctor_pass_on_this_machine(clinicscope: Run) -> None:
    code, out, _ = clinicscope("selftest", "--json")
    assert code == 0
    assert json.loads(out)["n_cells"] == 16
    code, out, _ = clinicscope("doctor", "--json")
    assert {check["name"] for check in json.loads(out)} >= {"bundle", "disk", "records", "runtime"}
    assert code == 0


def test_bench_prints_a_ratio_for_each_baseline(clinicscope: Run) -> None:
    baseline = SHIPPED / json.loads((SHIPPED / "manifest.json").read_text())["weights"][0]["file"]
    code, out, err = clinicscope(
        "bench", "--runs", 20, "--fields", 3, "--baseline", baseline, "--json", "-"
    )
    assert code == 0, err
    content = json.loads(out)
    # The classifier, its bundle's novelty network, and the baseline.
    assert [model["ratio"] > 0 for model in content["models"]] == [True, True, True]
    assert [model["role"] for model in content["models"]][:2] == ["classifier", "novelty"]
    assert content["field"]["stages_ms"].keys() >= {"decode", "quality", "cells", "infer"}


def test_every_command_has_help(clinicscope: Run) -> None:
    import click

    from edge.cli import program

    def walk(command: click.Command, words: list[str]) -> None:
        code, out, _ = clinicscope(*words, "--help")
        assert code == 0
        assert "Usage" in out
        assert command.help, words
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                for name in command.list_commands(context):
                    child = command.get_command(context, name)
                    assert child is not None
                    walk(child, [*words, name])

    walk(program, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thread = 2", "unknown keys .'thread'"),
        ("threads = 'two'", "threads is 'two'"),
        ("threads = 1000", "threads is 1000"),
        ("[protocol]\nminimum_rbc_count = 0", "minimum_rbc_count is 0"),
        ("threads = ", "is not TOML"),
    ],
)
def test_config_with_a_mistake_is_refused(
    clinicscope: Run, home: Path, text: str, message: str
) -> None:
    import re

    home.mkdir()
    (home / "config.toml").write_text(text)
    code, _, err = clinicscope("selftest")
    assert code == 3
    assert re.search(message, err), err


def test_device_without_the_workshop_has_a_smaller_program(
    clinicscope: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.commands import joined

    monkeypatch.setitem(joined.EXTRAS, "train", ("train", "no_such_module"))
    out = clinicscope("--help")[1]
    assert "\n  train " not in out
    assert "\n  screen " in out
    code, _, err = clinicscope("train", "fit", "x")
    assert code == 2
    assert "pip install 'clinicscope[train]'" in err


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "argv", [["screen", "camera:simulated?fields=1", "--json"], ["classify", "{cell}", "--csv"]]
)
def test_full_disk_is_said_with_the_file_and_nothing_takes_its_place(
    clinicscope: Run, tmp_path: Path, argv: list[str]
) -> None:
    image, mask = draw_cell("ring", 1, 120)
    (tmp_path / "cell.png").write_bytes(encode_image(image * mask[:, :, None]))
    words = [word.format(cell=tmp_path / "cell.png") for word in argv]
    code, out, err = clinicscope(*words, "/dev/full")
    assert code == 3
    assert "no room for /dev/full" in err
    assert "negative" not in out.lower()
    assert Path("/dev/full").is_char_device()
