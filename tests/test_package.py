"""The wheel holds what the appliance needs, and works from a folder that is not the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # A copy, so that the build leaves nothing in the repository.
    source = out / "source"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(source)], check=True
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--wheel-dir", str(out), str(source)],
        check=True,
    )  # fmt: skip
    (found,) = out.glob("*.whl")
    return found


def test_wheel_holds_data_and_nothing_of_the_workshop(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "edge/bundles/malaria-cells-5/manifest.json",
        "edge/bundles/malaria-cells-5/golden/input.npy",
        "edge/bundles/malaria-superres-1/golden/image.npy",
        "edge/bundles/cxr-covid-1/cxr-covid.int8.onnx",
        "edge/store/migrations/env.py",
        "edge/templates/report.html",
        "edge/templates/specimen.html",
        "edge/templates/bench.html",
        "edge/reports/fonts/DejaVuSans.ttf",
        "edge/protocol/protocols/who-thin-5000.toml",
        "web_ui/templates/base.html",
        "web_ui/static/htmx.min.js",
        "train/recipes/malaria-cells.toml",
        "train/superres/recipes/malaria-superres.toml",
        "train/folds/nih-cells.json",
        "train/oof/malaria-cells.npz",
        "compress/recipes/malaria-cells.toml",
        "compress/devices.toml",
        "compress/peers.toml",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".h5")]


def test_program_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import edge.cli; assert edge.__file__.startswith(sys.argv[1]), edge.__file__;"
        "sys.exit(edge.cli.main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
        env={**os.environ, "CLINICSCOPE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
