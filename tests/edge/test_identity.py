"""Who a device is: a name of its own, kept; its board; no serial number."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError, StoreError
from edge.hotspot import Hotspot, written
from edge.identity import DEVICE_FILE, MODELS, NAME, board_model, device_name, read_identity

Run = Callable[..., tuple[int, str, str]]


def board(root: Path, model: str, serial: str = "") -> Path:
    """A device tree as the kernel shows it."""
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(model.encode() + b"\0")
    if serial:
        (tree / "serial-number").write_bytes(serial.encode() + b"\0")
    return root


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "rpi5"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "rpi5"),
        ("Raspberry Pi 4 Model B Rev 1.5", "rpi4"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "rpi4"),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "jetson_orin_nano"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "jetson_orin_nano"),
        ("Raspberry Pi 400 Rev 1.0", "generic-arm64"),
        ("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", "generic-arm64"),
    ],
)
def test_board_is_told_by_its_device_tree(tmp_path: Path, told: str, model: str) -> None:
    assert board_model(board(tmp_path, told), "aarch64") == model
    assert model in MODELS


def test_machine_without_a_device_tree_is_generic(tmp_path: Path) -> None:
    assert board_model(tmp_path, "x86_64") == "generic-x86_64"
    with pytest.raises(ConfigError, match="'riscv64'; ClinicScope runs on arm64 and x86_64"):
        board_model(tmp_path, "riscv64")


def test_name_is_drawn_once_and_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = device_name(home)
    assert NAME.fullmatch(first) and device_name(home) == first
    kept = json.loads((home / DEVICE_FILE).read_text())
    assert kept == {"schema_version": 1, "device_name": first}
    assert [path.name for path in home.iterdir()] == [DEVICE_FILE]
    assert device_name(tmp_path / "other") != first


def test_two_that_come_first_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(device_name, [tmp_path] * 32))
    assert len(names) == 1


def test_identity_tells_site_and_hashed_serial(tmp_path: Path) -> None:
    root = board(tmp_path / "root", "Raspberry Pi 5 Model B Rev 1.0", "10000000abcd1234")
    (tmp_path / "config.toml").write_text('[page]\nclinic = "Mtendere"\n')
    found = read_identity(tmp_path, root)
    assert (found.model, found.site) == ("rpi5", "Mtendere")
    assert len(found.serial_hash) == 64 and "abcd1234" not in str(found)
    assert read_identity(tmp_path, tmp_path / "none").serial_hash == ""


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"device_name": "../etc"}', '{"device_name": 4}']
)
def test_damaged_name_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / DEVICE_FILE).write_text(content)
    with pytest.raises(ConfigError, match=r"holds no name such as .* or delete the file"):
        device_name(tmp_path)


def test_name_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        device_name(tmp_path / "file" / "home")


def test_device_says_who_it_is(clinicscope: Run, home: Path) -> None:
    code, told, said = clinicscope("device", "name")
    name = told.strip()
    assert code == 0 and NAME.fullmatch(name) and f"this device is called {name}" in said
    code, told, said = clinicscope("device", "name")
    assert (code, told.strip(), said) == (0, name, "")
    code, told, _ = clinicscope("device", "show", "--json")
    assert code == 0 and json.loads(told)["device_name"] == name
    assert name in clinicscope("device", "show")[1]


def test_set_up_is_roots_and_comes_after_the_name(
    clinicscope: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    code, _, said = clinicscope("device", "set-up")
    assert code == 3 and "sudo clinicscope device set-up" in said
    monkeypatch.setattr("os.geteuid", lambda: 0)
    code, _, said = clinicscope("device", "set-up")
    assert code == 3 and "first run `clinicscope device name`" in said


def test_hotspot_is_shown_on_the_console(
    clinicscope: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hotspot.json"
    monkeypatch.setattr("edge.hotspot.HOTSPOT_FILE", path)
    code, _, said = clinicscope("device", "hotspot")
    assert code == 3 and "run this with sudo" in said
    path.write_bytes(written(Hotspot("clinicscope-k7x2", "abcd-efgh-jkmn")))
    code, told, _ = clinicscope("device", "hotspot")
    assert code == 0 and "Wi-Fi clinicscope-k7x2, password abcd-efgh-jkmn" in told


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("a b", "abcd-efgh-jkmn", "hotspot's name is 'a b'"),
        ("x" * 33, "abcd-efgh-jkmn", "up to 32"),
        ("ok", "abcd-efgh", "12 to 63"),
        ("ok", "abcd;efgh;jkmn", "12 to 63"),
    ],
)
def test_hotspot_out_of_range_is_refused(name: str, password: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Hotspot(name, password)
