"""What `.venv-legacy` runs: the runtimes' suite and golden tensors on tflite-runtime, to JSON.

Arguments: folder of drawn bundles, named "enhancer" and "finder" where they are of those suites,
and folder of shipped ones. Prints
{"contract": {"test[bundle]": failure or ""}, "golden": {bundle: {"differences", "accelerator"} or
{"failure"}}}.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from edge.contract.bundle import open_bundle
from edge.contract.errors import ClinicScopeError
from edge.contract.manifest import Weights
from edge.runtimes.base import Runtime, open_runtime
from edge.runtimes.tflite_runtime import LegacyTFLiteRuntime
from edge.selftest import self_test
from tests.edge.runtimes.contract import (
    EnhancerContract,
    FinderContract,
    RuntimeContract,
    contract_tests,
)


class LegacyTFLite(RuntimeContract):
    format = "tflite"

    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime:
        return LegacyTFLiteRuntime(model, weights, threads=threads)


class LegacyTFLiteEnhancer(EnhancerContract):
    format = "tflite"
    make = LegacyTFLite.make


class LegacyTFLiteFinder(FinderContract):
    format = "tflite"
    make = LegacyTFLite.make


SUITES = {"enhancer": LegacyTFLiteEnhancer, "finder": LegacyTFLiteFinder}


def run_contract(folder: Path) -> dict[str, str]:
    """Failure of each test on each bundle; empty where it passed."""
    found = {}
    for path in sorted(folder.iterdir()):
        kind = SUITES.get(path.name, LegacyTFLite)
        for name in contract_tests(kind.__base__):
            try:
                getattr(kind(), name)(open_bundle(path))
                found[f"{name}[{path.name}]"] = ""
            except Exception:
                found[f"{name}[{path.name}]"] = traceback.format_exc()
    return found


def replay_golden(folder: Path) -> dict[str, Any]:
    """Golden tensors of each bundle."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        try:
            bundle = open_bundle(path)
            role = bundle.manifest.weights[0].role
            runtime = open_runtime(bundle, role, names=["tflite_runtime"])
            passed = self_test(bundle, runtime)
        except ClinicScopeError as error:
            found[path.name] = {"failure": str(error)}
        else:
            found[path.name] = {
                "differences": passed.differences,
                "accelerator": runtime.accelerator,
            }
    return found


if __name__ == "__main__":
    drawn, shipped = map(Path, sys.argv[1:])
    report = {"contract": run_contract(drawn), "golden": replay_golden(shipped)}
    sys.stdout.write(json.dumps(report))
