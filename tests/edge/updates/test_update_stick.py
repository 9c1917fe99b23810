"""A stick with the updates of several sites and devices: each takes its own, and says why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import run

import pytest

from edge.config import DeviceConfig
from edge.contract.errors import ConfigError
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES
from edge.identity import DEVICE_FILE
from edge.installed import list_bundles
from edge.store.audit import Audit
from edge.store.store import Store
from edge.updates.application import CURRENT, VERSION_FILE, Versions
from edge.updates.incoming import waiting
from edge.updates.keys import make_key
from edge.updates.signature import APPLICATION
from edge.updates.signing import describe, sign_update
from edge.updates.statement import format_statement, make_revocation, make_succession
from edge.updates.stick import (
    KEYS_CHANGED,
    REFUSED,
    SKIPPED,
    STICK_FOLDER,
    TAKEN,
    Outcome,
    StickCheck,
    check_stick,
)
from edge.updates.trust import REVOKED_FILE, TRUST_DIR
from tests.support.signed_updates import (
    NOW,
    Clinic,
    make_bundle,
    make_clinic,
    sign_bundle,
    spoil_golden,
    zipped,
)

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick" / STICK_FOLDER
    path.mkdir(parents=True)
    return path


@pytest.fixture
def check(clinic: Clinic, store: Store, tmp_path: Path) -> StickCheck:
    versions = Versions(tmp_path / "opt")
    return StickCheck(
        store, DeviceConfig(threads=1), clinic.asked("USB stick"), clinic.trust, clinic.trust,
        versions,
    )  # fmt: skip


def put(stick: Path, path: Path, name: str) -> None:
    """Moves a signed update onto the stick, as a zip."""
    zipped(path).rename(stick / f"{name}.zip")
    shutil.rmtree(path)


def by_name(outcomes: list[Outcome]) -> dict[str, tuple[str, str]]:
    return {one.path.partition(".")[0]: (one.outcome, one.why) for one in outcomes}


def active(home: Path, task: str = MALARIA_CELLS) -> str:
    (found,) = (one.bundle_id for one in list_bundles(home) if one.active and one.task == task)
    return found


def test_each_device_takes_its_own_and_says_why_not_the_others(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    key = clinic.key
    for version, name, devices, sites in (
        (7, "older", ("any",), ()),
        (8, "ours", ("rpi5", "rpi4"), ("Moshi", "Arusha")),
        (9, "jetson", ("jetson_orin_nano",), ()),
        (10, "tanga", ("any",), ("Tanga",)),
        (11, "neighbour", ("clinicscope-aaaa",), ()),
    ):
        put(stick, sign_bundle(make_bundle(clinic.engineer, version), key, devices, sites), name)
    put(stick, sign_bundle(make_bundle(clinic.engineer, 12), make_key()), "stranger")
    put(stick, make_bundle(clinic.engineer, 13), "unsigned")
    put(stick, clinic.bundle(3, "malaria-stages-1"), "stages")
    (stick / "broken.zip").write_bytes(b"PK")
    (stick / ".hidden.zip").write_bytes(b"PK")
    (stick / "notes.txt").write_text("of no interest")
    found = by_name(check_stick(check, stick.parent))
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "older": SKIPPED, "ours": TAKEN, "jetson": SKIPPED, "tanga": SKIPPED, "neighbour": SKIPPED,
        "stranger": REFUSED, "unsigned": REFUSED, "stages": TAKEN, "broken": REFUSED,
    }  # fmt: skip
    for name, why in (
        ("older", "version 8 is here, too"),
        ("jetson", "is for jetson_orin_nano; this device is clinicscope-k7x2, a rpi5"),
        ("tanga", "is for the sites Tanga; this device is at 'Moshi'"),
        ("neighbour", "is for clinicscope-aaaa"),
        ("stranger", "is not trusted"),
        ("unsigned", "is not signed"),
        ("broken", "neither a folder nor a whole zip"),
    ):
        assert why in found[name][1]
    assert active(clinic.home) == "malaria-cells-8"
    assert active(clinic.home, MALARIA_STAGES) == "malaria-stages-3"
    again = by_name(check_stick(check, stick))
    assert again["ours"] == (SKIPPED, "malaria-cells-8 is on this device already, and in use")


def test_a_folder_that_is_signed_is_taken_too(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    clinic.bundle(7).rename(stick / "folder")
    assert by_name(check_stick(check, stick))["folder"][0] == TAKEN


def test_a_failing_one_is_refused_and_the_one_in_use_goes_on(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    put(stick, sign_bundle(spoil_golden(make_bundle(clinic.engineer, 7)), clinic.key), "bad")
    outcome, why = by_name(check_stick(check, stick))["bad"]
    assert outcome == REFUSED and "must not screen" in why
    assert active(clinic.home) == "malaria-cells-5"


def test_what_keys_say_of_keys_is_taken_first(
    clinic: Clinic, check: StickCheck, store: Store, stick: Path
) -> None:
    new = make_key()
    put(stick, sign_bundle(make_bundle(clinic.engineer, 7), new), "by-the-new-key")
    (stick / "z-new.statement").write_bytes(
        format_statement(make_succession(new.public, clinic.key, NOW))
    )
    found = by_name(check_stick(check, stick))
    assert (found["z-new"][0], found["by-the-new-key"][0]) == (TAKEN, TAKEN)
    assert [one.action for one in Audit(store).entries()].count(KEYS_CHANGED) == 1
    assert by_name(check_stick(check, stick))["z-new"][0] == SKIPPED
    revoked = make_revocation((clinic.key.public.key_id,), new, NOW)
    (stick / "a-old.statement").write_bytes(format_statement(revoked))
    (stick / "stranger.statement").write_bytes(
        format_statement(make_succession(make_key().public, make_key(), NOW))
    )
    put(stick, sign_bundle(make_bundle(clinic.engineer, 8), clinic.key), "by-the-old-key")
    found = by_name(check_stick(check, stick))
    assert found["a-old"][0] == TAKEN and found["stranger"][0] == REFUSED
    assert found["by-the-old-key"][0] == REFUSED and "was revoked" in found["by-the-old-key"][1]


def test_more_files_than_anyone_looks_through_are_said(
    check: StickCheck, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.updates.stick._MOST_FILES", 2)
    for number in range(4):
        (stick / f"{number}.txt").touch()
    (told,) = check_stick(check, stick)
    assert (told.path, told.outcome) == ("2.txt", REFUSED)
    assert told.why.startswith("more than 2 files")


def test_damaged_keys_of_the_device_are_said(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    (clinic.home / TRUST_DIR / REVOKED_FILE).write_text("?")
    with pytest.raises(ConfigError, match="no id of a key"):
        check_stick(check, stick)


def program_update(clinic: Clinic, stick: Path, version: int) -> None:
    path = clinic.engineer / f"program-{version}"
    path.mkdir()
    (path / "application.json").write_text("{}")
    sign_update(
        path, describe(path, APPLICATION, "clinicscope", version, ("any",), (), NOW), clinic.key
    )
    put(stick, path, f"program-{version}")


def installed_program(versions: Versions, number: int) -> None:
    path = versions.root / "versions" / "0.1"
    path.mkdir(parents=True)
    marker = {"program": "0.1", "number": number, "records": ""}
    (path / VERSION_FILE).write_text(json.dumps(marker))
    (versions.root / CURRENT).symlink_to(path)


def test_an_update_of_the_program_is_laid_out_for_root(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    program_update(clinic, stick, 4)
    program_update(clinic, stick, 3)
    outcome, why = by_name(check_stick(check, stick))["program-4"]
    assert outcome == SKIPPED and "is not updated in this way" in why
    installed_program(check.versions, 3)
    found = by_name(check_stick(check, stick))
    assert (found["program-4"][0], found["program-3"][0]) == (TAKEN, SKIPPED)
    assert [path.name for path in waiting(clinic.home)] == ["clinicscope-4.zip"]
    assert by_name(check_stick(check, stick))["program-4"] == (SKIPPED, "it waits already")
    (stick / "program-4.zip").unlink()
    assert "in use already" in by_name(check_stick(check, stick))["program-3"][1]


def test_an_altered_update_of_the_program_is_not_laid_out(
    clinic: Clinic, check: StickCheck, stick: Path
) -> None:
    installed_program(check.versions, 3)
    path = clinic.engineer / "program"
    path.mkdir()
    (path / "application.json").write_text("{}")
    unsigned = describe(path, APPLICATION, "clinicscope", 4, ("any",), (), NOW)
    sign_update(path, unsigned, clinic.key)
    (path / "application.json").write_text("[]")
    put(stick, path, "program")
    outcome, why = by_name(check_stick(check, stick))["program"]
    assert outcome == REFUSED and "has sha256" in why and not waiting(clinic.home)


def test_the_command_looks_at_a_folder(
    home: Path, tmp_path: Path, stick: Path, clinicscope: Program
) -> None:
    clinic = make_clinic(tmp_path)
    assert clinic.home == home
    code, out, _ = clinicscope("updates", "check", "--from", stick)
    assert (code, out) == (0, "no update is on any drive that is plugged in\n")
    put(stick, clinic.bundle(7), "good")
    code, out, said = clinicscope("updates", "check", "--from", stick.parent, "--json")
    assert code == 0, said
    (found,) = json.loads(out)
    assert (found["outcome"], found["what"]) == (TAKEN, "bundle malaria-cells version 7")
    (stick / "bad.zip").write_bytes(b"PK")
    code, out, _ = clinicscope("updates", "check", "--from", stick)
    assert code == 3 and out.startswith("refused  bad.zip")
    assert (home / DEVICE_FILE).is_file()


def test_a_real_stick_is_found_by_itself(
    home: Path, tmp_path: Path, clinicscope: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic, media = make_clinic(tmp_path), tmp_path / "media" / "STICK"
    media.mkdir(parents=True)
    done = run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", media], check=False)
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        monkeypatch.setattr("edge.drives.ROOTS", (tmp_path / "media",))
        (media / STICK_FOLDER).mkdir()
        shutil.move(zipped(clinic.bundle(7)), media / STICK_FOLDER)
        code, out, said = clinicscope("updates", "check")
        assert code == 0 and out.startswith("taken    malaria-cells-7.zip"), said
    finally:
        run(["umount", media], check=True)
    assert active(home) == "malaria-cells-7"
