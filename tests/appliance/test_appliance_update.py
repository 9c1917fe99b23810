"""What the check of updates under systemd makes of a wheel; the check itself needs a root."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from pathlib import Path

from tests.appliance.update import remade_wheel
from tests.support.tiny_application import make_wheel


def test_wheel_becomes_another_version_whose_record_is_right(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "old", "0.1.0")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("web_ui/cli.py", "def run() -> None:\n    pass\n")
    (tmp_path / "new").mkdir()
    remade_wheel(wheel, tmp_path / "new", "0.9.1", ends=True)
    with zipfile.ZipFile(tmp_path / "new" / "clinicscope-0.9.1-py3-none-any.whl") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    folder = "clinicscope-0.9.1.dist-info"
    assert b"\nVersion: 0.9.1\n" in files[f"{folder}/METADATA"]
    assert b"this version is broken" in files["web_ui/cli.py"]
    rows = list(csv.reader(files[f"{folder}/RECORD"].decode().splitlines()))
    assert {row[0] for row in rows} == set(files)
    for name, told, size in rows[:-1]:
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=")
        assert (told, size) == (f"sha256={digest.decode()}", str(len(files[name])))
