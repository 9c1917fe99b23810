"""The file for support: all that helps, and nothing of any patient."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config import CameraConfig, DeviceConfig, load_config
from edge.contract.records import to_plain
from edge.health import FAILED, Check
from edge.log_file import LOG_FILE, LOGS_FOLDER
from edge.store.records import Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.store import Store
from edge.store.users import ADMIN, Users
from edge.support.contents import plain_settings, support_parts
from edge.support.make import make_support_zip
from edge.support.redact import GONE, Redactor
from tests.support.people import CHEAP

PLANTED = (
    "P-88231-K", "Bed 4 Amina", "BC00991234", "Dr Okello", "jane_doe_smear.png", "Sister Mary",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def planted(store: Store) -> Store:
    """A device on which everything that could be said of a patient has got into the log."""
    Register(store).add_patient(Patient("P-88231-K"), "Dr Okello")
    details = SpecimenDetails(patient_id="P-88231-K", barcode="BC00991234", operator="Dr Okello")
    settings = {"sources": ["/data/uploads/0123456789abcdef/jane_doe_smear.png"]}
    store.start_specimen("Bed 4 Amina", "upload", settings, details)
    Users(store, CHEAP).add("Sister Mary", ADMIN, "three odd words here", "console")
    folder = store.home / LOGS_FOLDER
    folder.mkdir()
    lines = [f"2026-11-26T12:00:00Z ERROR edge: careless about {name}\n" for name in PLANTED]
    lines += [name.upper() + "\n" for name in PLANTED] + ["all else stays, such as 0.25 s\n"]
    (folder / LOG_FILE).write_text("".join(lines))
    (folder / f"{LOG_FILE}.1").write_text("older, of p_88231_k too\n")
    return store


def contents(zipped: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return {Path(name).name: archive.read(name).decode() for name in archive.namelist()}


def test_no_byte_of_it_names_a_patient(planted: Store) -> None:
    checks = [Check("records", FAILED, "the image of Bed 4 Amina is damaged", "see P-88231-K")]
    found = contents(make_support_zip(planted, DeviceConfig(), checks))
    text = "\n".join(found.values()).casefold()
    for name in (*PLANTED, "88231", "amina", "okello", "jane"):
        assert name.casefold() not in text, name
    assert "all else stays, such as 0.25 s" in found[LOG_FILE]
    assert found[LOG_FILE].count(GONE) == 2 * len(PLANTED)
    assert GONE in found[f"{LOG_FILE}.1"] and GONE in found["checks.json"]


def test_it_tells_what_a_helper_needs(planted: Store) -> None:
    check = Check("disk", FAILED, "0.1 GB free", "free some space")
    found = contents(make_support_zip(planted, DeviceConfig(threads=3), [check]))
    assert json.loads(found["checks.json"])[0]["advice"] == "free some space"
    assert json.loads(found["settings.json"])["threads"] == 3
    assert json.loads(found["counts.json"])["specimens"] == {"running": 1}
    assert json.loads(found["starts.json"])["broken"] == []
    assert any(one["task"] == "malaria-cells" for one in json.loads(found["bundles.json"]))
    device = json.loads(found["device.json"])
    assert device["machine"]["cores"] >= 1 and "numpy" in device["packages"]
    assert "no patient data" in found["README.txt"]


def test_settings_lose_every_text_that_may_be_a_secret(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[camera]\nname = "network"\n[camera.settings]\nurl = "http://u:pw@cam/"\n'
        '[[sync.targets]]\nname = "h"\nkind = "fhir"\nurl = "https://fhir.example"\n'
        'user = "clinic"\npassword = "hunter2"\n[page]\nclinic = "Saint Luke"\nlanguage = "fr"\n'
    )
    found = plain_settings(to_plain(load_config(tmp_path)))
    text = json.dumps(found)
    for secret in ("hunter2", "u:pw", "fhir.example", '"clinic": "Saint', "Saint Luke"):
        assert secret not in text
    assert found["camera"]["name"] == "network" and found["page"]["language"] == "fr"
    assert found["sync"]["targets"][0]["password"] == GONE
    assert found["page"]["lock_after_minutes"] == 15


def test_a_part_that_cannot_be_made_says_so_and_the_rest_is_there(planted: Store) -> None:
    (planted.home / "bundle-choices.json").write_text("{broken")
    parts = support_parts(planted, DeviceConfig(), [])
    assert b"is damaged" in parts["bundles.json"]
    assert json.loads(parts["counts.json"])["specimens"] == {"running": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see P-77, then go", f"see {GONE}, then go"),
        ("p_77.png", f"{GONE}.png"),
        ("P-770 and XP-77 stay", "P-770 and XP-77 stay"),
        ("ward\tseven\nbed 9", f"{GONE}\n{GONE}"),
        ("Ward Seven West", f"{GONE}"),
        ("ＷＡＲＤ Seven", f"{GONE}"),
        ("no 5 here", "no 5 here"),
        ("", ""),
    ],
)
def test_identifiers_are_found_as_whole_words(text: str, expected: str) -> None:
    redactor = Redactor(["P-77", "Ward Seven", "ward seven west", "Bed 9", "5", ""])
    assert redactor.clean(text) == expected


def test_a_hundred_thousand_identifiers_are_no_matter() -> None:
    redactor = Redactor(f"P-{number:06d}" for number in range(100_000))
    text = "2026-11-26T12:00:00Z WARNING edge: nothing of note happened here\n" * 5000
    assert redactor.clean(text + "P-099999") == text + GONE


def test_the_command_writes_the_same(
    home: Path, clinicscope: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, out, _ = clinicscope("support", "--out", tmp_path / "help.zip")
    assert code == 0 and "without patient data" in out
    found = contents((tmp_path / "help.zip").read_bytes())
    assert {one["name"] for one in json.loads(found["checks.json"])} >= {
        "disk",
        "records",
        "bundle",
    }


def test_a_camera_without_secrets_keeps_its_device() -> None:
    config = replace(DeviceConfig(), camera=CameraConfig("v4l2", {"device": "/dev/video0"}))
    assert plain_settings(to_plain(config))["camera"]["settings"] == {"device": "/dev/video0"}
