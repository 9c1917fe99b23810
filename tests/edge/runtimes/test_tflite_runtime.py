"""tflite-runtime passes the runtimes' suite and every shipped bundle's golden tensors.

It needs NumPy 1, so both run in an environment of its own, which `make legacy` builds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.installed import SHIPPED_DIR
from tests.edge.runtimes.contract import EnhancerContract, FinderContract, contract_tests
from tests.edge.runtimes.drawn_bundles import write_bundle, write_two_label_bundle
from tests.support.drawn_enhancer import write_enhancer_bundle
from tests.support.drawn_finder import write_finder_bundle

ROOT = Path(__file__).parents[3]
LEGACY = ROOT / ".venv-legacy"
SHIPPED = sorted(path.name for path in SHIPPED_DIR.iterdir())


@pytest.fixture(scope="module")
def legacy_python() -> Path:
    python = LEGACY / "bin/python"
    assert python.is_file(), f"{python} is missing, and with it tflite-runtime: run `make legacy`"
    return python


@pytest.fixture(scope="module")
def report(legacy_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    drawn = tmp_path_factory.mktemp("drawn")
    write_two_label_bundle(drawn / "two")
    write_bundle(drawn / "three")
    write_enhancer_bundle(drawn / "enhancer")
    write_finder_bundle(drawn / "finder")
    done = subprocess.run(
        [legacy_python, "-m", "tests.edge.runtimes.legacy_check", drawn, SHIPPED_DIR],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("labels", ["two", "three"])
@pytest.mark.parametrize("name", contract_tests())
def test_contract(report: dict[str, Any], name: str, labels: str) -> None:
    assert report["contract"][f"{name}[{labels}]"] == ""


@pytest.mark.parametrize("name", contract_tests(EnhancerContract))
def test_contract_of_enhancers(report: dict[str, Any], name: str) -> None:
    assert report["contract"][f"{name}[enhancer]"] == ""


@pytest.mark.parametrize("name", contract_tests(FinderContract))
def test_contract_of_finders(report: dict[str, Any], name: str) -> None:
    assert report["contract"][f"{name}[finder]"] == ""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_bundle_passes_its_golden_tensors(report: dict[str, Any], name: str) -> None:
    found = report["golden"][name]
    assert "failure" not in found, found
    assert found["differences"].keys() in ({"logit", "cam"}, {"image"})


def test_record_says_that_int8_ran_without_xnnpack(report: dict[str, Any]) -> None:
    assert report["golden"]["malaria-cells-5"]["accelerator"] == "cpu"


def test_newer_numpy_is_refused_before_it_breaks(legacy_python: Path, tmp_path: Path) -> None:
    (library,) = LEGACY.glob("lib/python3*/site-packages/tflite_runtime")
    (tmp_path / "tflite_runtime").symlink_to(library)
    bundle = write_bundle(tmp_path / "drawn")
    code = (
        "import sys, pathlib\n"
        "from edge.contract.bundle import open_bundle\n"
        "from edge.runtimes.base import open_runtime\n"
        "open_runtime(open_bundle(pathlib.Path(sys.argv[1])), names=['tflite_runtime'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, bundle.path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RuntimeUnavailableError" in done.stderr
    assert "needs NumPy below 2" in done.stderr
