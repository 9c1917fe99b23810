"""What `make test-arm64` calls alike and what not; and which entries of a lock it takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.types import F32Array
from tests.arm64 import answers, compare, compare_slides

COMMON = Path(__file__).parents[2] / "firmware_config" / "image" / "common.sh"
CELLS, FINDER = "malaria-cells-5 classifier litert logit", "malaria-cells-5 finder litert grid"
SLIDE = {
    "verdict": "inconclusive",
    "fields_read": 3,
    "fields_refused": 0,
    "bundle_sha256": "ab",
    "stages_bundle_sha256": "cd",
    "rbc_count": 300,
    "positive_count": 6,
    "runtime": "litert",
    "accelerator": "cpu-xnnpack",
}


def save(path: Path, found: dict[str, F32Array]) -> Path:
    np.savez_compressed(path, **found)
    return path


@pytest.fixture(scope="module")
def here() -> dict[str, F32Array]:
    return answers.all_answers(["litert"])


def test_every_network_is_compared(here: dict[str, F32Array]) -> None:
    roles = {key.split()[1] for key in here}
    assert roles == {"classifier", "novelty", "finder", "enhancer"}
    lines, near = compare.compare(here, here)
    assert near
    assert len(lines) == len(here)


@pytest.mark.parametrize("changed", [None, np.nan, 1.0, "shape", "missing"])
def test_an_answer_that_is_far_off_is_told(
    changed: Any, here: dict[str, F32Array], tmp_path: Path
) -> None:
    there = {key: values.copy() for key, values in here.items()}
    if changed == "missing":
        del there[FINDER]
    elif changed == "shape":
        there[CELLS] = there[CELLS][:-1]
    elif changed is not None:
        there[CELLS][3] += changed
    paths = [save(tmp_path / "here.npz", here), save(tmp_path / "there.npz", there)]
    assert compare.main(paths) == (0 if changed is None else 1)


def test_no_answers_at_all_are_no_agreement(here: dict[str, F32Array]) -> None:
    assert compare.compare(here, {}) == ([], False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"positive_count": 8, "rbc_count": 298}, 0),
        ({"positive_count": 10}, 1),
        ({"rbc_count": 290}, 1),
        ({"verdict": "negative"}, 1),
        ({"fields_refused": 1}, 1),
    ],
)
def test_slides_may_differ_by_a_cell_on_a_threshold(
    changes: dict[str, Any], code: int, tmp_path: Path
) -> None:
    paths = [tmp_path / "here.json", tmp_path / "there.json"]
    for path, slide in zip(paths, (SLIDE, SLIDE | changes), strict=True):
        path.write_text(json.dumps({"slide": slide}))
    assert compare_slides.main(*paths) == code


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A function of common.sh."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source {COMMON}; {command}"],
        check=False,
        capture_output=True,
        text=True,
    )


def test_entries_of_a_lock_come_with_their_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("one==1 \\\n    --hash=sha256:a\none-more==2 \\\n    --hash=sha256:b\n")
    assert shell(f"pick_locked {lock} one").stdout == "one==1 \\\n    --hash=sha256:a\n"
    assert shell(f"pick_locked {lock} three").stdout == ""


def test_a_processor_that_is_not_known_is_refused() -> None:
    assert "0xd08" in shell("cpuinfo_of cortex-a72").stdout
    done = shell("cpuinfo_of abacus")
    assert done.returncode == 2
    assert "no part number of processor abacus" in done.stderr
