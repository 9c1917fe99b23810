"""`train cost`: what the report's table shows comes from the networks themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from train.runs import RECORDS_DIR

pytestmark = pytest.mark.train
Run = Callable[..., tuple[int, str, str]]


def test_cost_of_the_shipped_student_is_written_beside_its_recipe(
    clinicscope: Run, tmp_path: Path
) -> None:
    run_dir = tmp_path / "malaria-cells"
    run_dir.mkdir()
    for name in ("recipe.json", "split.json", "log.csv"):
        (run_dir / name).write_bytes((RECORDS_DIR / "malaria-cells/fold0" / name).read_bytes())
    code, out, err = clinicscope("train", "cost", run_dir, "--rounds", 3)
    assert code == 0, err
    found = json.loads((run_dir / "cost.json").read_text())
    # 3 x 3 kernels, two values a norm, and the map's kernel and bias, by hand.
    widths = [12, 16, 24, 32, 40, 64, 64]
    kernels = sum(9 * a * b for a, b in pairwise(widths))
    assert found["parameters"] == kernels + 2 * sum(widths[1:]) + widths[-1] + 1
    assert found["ms_per_image"] > 0
    assert found["machine"]
    assert f"{found['parameters']:,} parameters" in out


def test_folder_without_a_run_is_refused(clinicscope: Run, tmp_path: Path) -> None:
    code, _, err = clinicscope("train", "cost", tmp_path)
    assert code == 3
    assert "is no run" in err
