"""An update of the program is made from a checkout: its wheel, the locked wheels, what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.updates.application import parse_info
from edge.updates.pack_application import newest_migration
from tests.support.tiny_application import ROOT, make_wheel

Run = Callable[..., tuple[int, str, str]]
_PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "clinicscope"
version = "0.4.0"
[tool.setuptools.packages.find]
include = ["edge*"]
"""


@pytest.fixture()
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project; pip finds what it needs in a folder, not in a network."""
    folder = tmp_path / "checkout"
    for name in ("edge/store/migrations/versions", "web_ui", "train", "compress", "requirements"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(_PROJECT)
    for name in ("README.md", "LICENSE", "edge/__init__.py"):
        (folder / name).touch()
    for name in ("0007_x.py", "0012_y.py", "__init__.py"):
        (folder / "edge/store/migrations/versions" / name).touch()
    wheel = make_wheel(tmp_path / "links", "0.0.1", name="tiny_part")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"tiny-part==0.0.1 --hash=sha256:{digest}\n"
    (folder / "requirements" / "device.lock").write_text(lock)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return folder


def test_checkout_becomes_an_update(checkout: Path, tmp_path: Path, clinicscope: Run) -> None:
    out = tmp_path / "update"
    words = ("application", "pack", checkout, "--out", out, "--python", "3.11")
    code, told, err = clinicscope(*words)
    assert (code, err) == (0, "")
    assert "program 0.4.0 for aarch64, Python 3.11, 2 wheels" in told
    info = parse_info((out / "application.json").read_bytes())
    assert (info.program, info.machine, info.records) == ("0.4.0", "aarch64", "0012")
    names = sorted(path.name for path in (out / "wheels").iterdir())
    assert names == ["clinicscope-0.4.0-py3-none-any.whl", "tiny_part-0.0.1-py3-none-any.whl"]
    assert [path.name[:4] for path in (out / "tools").iterdir()] == ["pip-"]
    assert not (checkout / "build").exists()
    code, _, err = clinicscope(*words)
    assert code == 3
    assert "is there already" in err


def test_wheel_of_another_hash_is_refused(checkout: Path, tmp_path: Path, clinicscope: Run) -> None:
    lock = checkout / "requirements" / "device.lock"
    lock.write_text(f"tiny-part==0.0.1 --hash=sha256:{'0' * 64}\n")
    out = tmp_path / "update"
    code, _, err = clinicscope("application", "pack", checkout, "--out", out)
    assert code == 3
    assert "pip download failed" in err
    assert "DO NOT MATCH THE HASHES" in err
    assert not out.exists()


def test_folder_that_is_no_checkout_is_refused(tmp_path: Path, clinicscope: Run) -> None:
    code, _, err = clinicscope("application", "pack", tmp_path, "--out", tmp_path / "out")
    assert code == 3
    assert "is no checkout of ClinicScope" in err


def test_this_projects_newest_migration_is_told() -> None:
    from edge.store.migrate import known_revisions

    assert newest_migration(ROOT) == known_revisions()[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"program": "../../etc"}, "program's version is"),
        ({"program": ".."}, "program's version is"),
        ({"schema_version": 2}, "schema 2, this program reads 1"),
        ({"more": 1}, "unknown keys"),
    ],
)
def test_description_that_leads_elsewhere_is_refused(
    change: dict[str, object], message: str
) -> None:
    from edge.contract.errors import ManifestError

    told = {"schema_version": 1, "program": "0.2.0", "machine": "any", "python": "3.11"}
    with pytest.raises(ManifestError, match=message):
        parse_info(json.dumps(told | {"records": "0001"} | change).encode())
    with pytest.raises(ManifestError, match="is no JSON"):
        parse_info(b"{")
