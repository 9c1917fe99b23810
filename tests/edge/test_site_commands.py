"""`site check | show | clear` on drawn cells: what is set, where it counts, what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge import installed
from edge.cameras.smear import SmearSettings, draw_cell, draw_field
from edge.config import SITE_FILE, DeviceConfig, load_config, load_site
from edge.contract.errors import ConfigError
from edge.contract.images import encode_image
from edge.contract.reference import ClassLogits, LogitReference
from edge.contract.types import Frame
from edge.health import OK, WARNING
from edge.health.networks import check_site
from edge.installed import find_bundle, prove_screener
from tests.conftest import SHIPPED

Run = Callable[..., tuple[int, str, str]]
REFERENCE = LogitReference("drawn", ClassLogits(-4.0, 1.5, 1.0), ClassLogits(4.0, 2.0, 1.0))


@pytest.fixture(autouse=True)
def says_where_scores_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "reference_of", lambda manifest: REFERENCE)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten cells of each label, in folders named by it."""
    root = tmp_path_factory.mktemp("site")
    for label, kind in (("parasitised", "ring"), ("uninfected", "uninfected")):
        (root / label).mkdir()
        for seed in range(10):
            image, mask = draw_cell(kind, seed)
            data = encode_image(image * mask[:, :, None], ".png")
            (root / label / f"{label}-{seed}.png").write_bytes(data)
    return root


@pytest.fixture()
def cells(drawn: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(drawn, tmp_path / "cells"))


def write_csv(path: Path, rows: list[tuple[str, str]], header: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def rows_of(cells: Path) -> list[tuple[str, str]]:
    return [
        (f"{label}/{path.name}", label)
        for label in ("parasitised", "uninfected")
        for path in sorted((cells / label).iterdir())
    ]


def test_check_is_set_shown_and_cleared(clinicscope: Run, cells: Path, home: Path) -> None:
    code, out, err = clinicscope("site", "check", cells, "--by", 'Dr. Ñandú "N"')
    assert code == 0, err
    assert "threshold moved by" in out and SITE_FILE in out
    found = load_site(home)
    assert found is not None
    assert (found.checked_by, found.n_parasitised, found.n_uninfected) == ('Dr. Ñandú "N"', 10, 10)
    assert found.bundle_sha256 == find_bundle(home, "").sha256
    assert found.shift_low < found.shift < found.shift_high
    assert load_config(home).site == found
    code, out, _ = clinicscope("site", "show", "--json")
    shown = json.loads(out)
    assert (shown["shift"], shown["state"]) == (found.shift, "in force")
    code, out, _ = clinicscope("site", "clear")
    assert (code, out) == (0, "cleared; the bundle's own threshold counts\n")
    assert load_site(home) is None
    assert clinicscope("site", "clear")[1] == "there is none to clear\n"
    assert "no check of this site" in clinicscope("site", "show")[1]
    assert clinicscope("site", "show", "--json")[1] == "null\n"


def test_csv_gives_what_folders_give_and_a_dry_run_sets_nothing(
    clinicscope: Run, cells: Path, home: Path
) -> None:
    labels = write_csv(cells / "labels.csv", rows_of(cells), ("path", "label"))
    by = ("--by", "A", "--dry-run", "--json")
    from_csv = json.loads(clinicscope("site", "check", labels, *by)[1])
    from_folder = json.loads(clinicscope("site", "check", cells, *by)[1])
    assert from_csv["shift"] == from_folder["shift"]
    assert from_csv["state"] == "not set (--dry-run)"
    assert not (home / SITE_FILE).exists()


def test_screener_calls_at_the_sites_threshold_and_the_record_says_so(
    clinicscope: Run, cells: Path, home: Path
) -> None:
    assert clinicscope("site", "check", cells, "--by", "A")[0] == 0
    config = load_config(home)
    assert config.site
    # Far down, so that every cell is called whatever its score.
    site = replace(config.site, shift=-40.0)
    frame = Frame(draw_field(SmearSettings(parasitaemia_fraction=0.0), 4, 0).image, "f")
    bundle = find_bundle(home, "")
    plain = prove_screener(bundle, DeviceConfig(threads=1))
    moved = prove_screener(bundle, DeviceConfig(threads=1, site=site))
    elsewhere = replace(site, bundle_sha256="other")
    other = prove_screener(bundle, DeviceConfig(threads=1, site=elsewhere))
    called = [
        sum(cell.label == "parasitised" for cell in screener.screen(frame).cells)
        for screener in (plain, moved, other)
    ]
    assert called[1] > called[0] == called[2]
    assert (moved.ran_on.site_shift, plain.ran_on.site_shift) == (-40.0, None)
    assert moved.ran_on.site_check == f"A, {site.checked_utc}"
    assert other.ran_on == plain.ran_on
    for screener in (plain, moved, other):
        screener.close()


def test_check_of_another_bundle_is_not_in_force_and_doctor_says_so(
    clinicscope: Run, cells: Path, home: Path
) -> None:
    assert clinicscope("site", "check", cells, "--by", "A")[0] == 0
    assert check_site(home, load_config(home)).state == OK
    path = home / SITE_FILE
    sha256 = find_bundle(home, "").sha256
    path.write_text(path.read_text().replace(sha256, "0" * 64))
    check = check_site(home, load_config(home))
    assert (check.state, "not in force" in check.detail) == (WARNING, True)
    assert "clinicscope site clear" in check.advice
    assert "check the site again" in clinicscope("site", "show")[1]
    gone = replace(load_config(home), bundle=str(home / "none"))
    assert check_site(home, gone).state == WARNING


def test_damaged_or_misplaced_settings_are_refused_and_can_be_cleared(
    clinicscope: Run, home: Path
) -> None:
    home.mkdir()
    (home / SITE_FILE).write_text("shift = 'far'\n")
    with pytest.raises(ConfigError, match="clinicscope site clear"):
        load_config(home)
    assert clinicscope("site", "clear")[0] == 0
    (home / "config.toml").write_text("[site]\nshift = 1.0\n")
    with pytest.raises(ConfigError, match=r"site is set; .* is in site\.toml"):
        load_config(home)


def refused(clinicscope: Run, home: Path, *words: object) -> str:
    code, _, err = clinicscope("site", "check", *words, "--by", "A")
    assert code == 3
    assert not (home / SITE_FILE).exists()
    return err


def test_files_that_cannot_be_used_are_refused(clinicscope: Run, cells: Path, home: Path) -> None:
    (cells / "parasitised/parasitised-0.png").write_text("no picture")
    err = refused(clinicscope, home, cells)
    assert "1 of 20 labelled cells cannot be used" in err and "parasitised-0.png" in err
    shutil.copy(cells / "uninfected/uninfected-1.png", cells / "parasitised/parasitised-0.png")
    err = refused(clinicscope, home, cells)
    assert "is the same picture as" in err and "give each cell once" in err
    (cells / "parasitised/parasitised-0.png").unlink()
    err = refused(clinicscope, home, cells)
    assert "9 cells are labelled parasitised; at least 10 of each are needed" in err
    shutil.rmtree(cells / "uninfected")
    assert "has no folder 'uninfected' with images" in refused(clinicscope, home, cells)
    assert "neither a .csv file" in refused(clinicscope, home, cells / "nowhere")


def test_labels_that_cannot_be_used_are_refused(clinicscope: Run, cells: Path, home: Path) -> None:
    rows = rows_of(cells)
    path = cells / "labels.csv"
    write_csv(path, rows, ("file", "class"))
    assert "has the columns ['file', 'class']; expected path,label" in refused(
        clinicscope, home, path
    )
    write_csv(path, [*rows[:-1], (rows[-1][0], "Parasitized")], ("path", "label"))
    err = refused(clinicscope, home, path)
    assert "line 21: label is 'Parasitized'; allowed: uninfected, parasitised" in err
    write_csv(path, rows[:10], ("path", "label"))
    assert "0 cells are labelled uninfected" in refused(clinicscope, home, path)
    write_csv(path, [*rows, ("none.png", "uninfected")], ("path", "label"))
    assert "none.png cannot be read" in refused(clinicscope, home, path)
    path.write_bytes(b"path,label\n\xff\xfe,uninfected\n")
    assert "is no CSV file in UTF-8" in refused(clinicscope, home, path)


def test_a_microscopist_needs_a_name(clinicscope: Run, cells: Path) -> None:
    code, _, err = clinicscope("site", "check", cells, "--by", " ")
    assert (code, "name of the microscopist is ' '" in err) == (3, True)
    assert clinicscope("site", "check", cells)[0] == 2


def test_bundle_that_does_not_say_where_scores_lie_is_refused(
    clinicscope: Run, cells: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "reference_of", lambda manifest: None)
    err = refused(clinicscope, home, cells, "--bundle", SHIPPED)
    assert "does not say where its scores lie at home" in err
