"""What the networks of several runs cost, measured side by side and kept with the runs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from edge.contract.records import to_plain
from train.datasets.base import labels_of
from train.models.cost import cost_of, ms_per_image
from train.networks import build_to_load, read_recipe
from train.runs import COST_FILE, Cost, fold_folders


def measure_costs(run_dirs: Sequence[Path], rounds: int) -> list[tuple[Path, Cost]]:
    """Builds the network of each run, times them in turns, writes `cost.json` beside each recipe.

    Raises:
        ConfigError: a folder holds no run.
        DataError: a network has a layer whose cost is not known.
    """
    folders = [fold_folders(run_dir) for run_dir in run_dirs]
    recipes = [read_recipe(folds[0]) for folds in folders]
    models = [build_to_load(recipe, len(labels_of(recipe.dataset))) for recipe in recipes]
    found = []
    times = ms_per_image(models, rounds=rounds)
    for run_dir, folds, model, ms in zip(run_dirs, folders, models, times, strict=True):
        sizes = cost_of(model)
        cost = Cost(sizes.parameters, sizes.macs, round(ms, 3), machine_name())
        for folder in folds:
            (folder / COST_FILE).write_text(json.dumps(to_plain(cost), indent=1) + "\n")
        found.append((run_dir, cost))
    return found


def machine_name() -> str:
    """The processor, as the system names it, and how many cores it lends."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
