"""Whether two run folders hold the same fit, number for number."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def weights_of(run: Path) -> dict[str, np.ndarray]:
    """Every array of the weights, by its name in the file."""
    found: dict[str, np.ndarray] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(run / "model.weights.h5") as file:
        file.visititems(take)
    return found


def log_of(run: Path) -> list[str]:
    """The rows of the log without their last column, the seconds."""
    return [line.rpartition(",")[0] for line in (run / "log.csv").read_text().splitlines()]


def assert_same_fit(first: Path, second: Path) -> None:
    """Weights, log and held-out scores are equal to the last bit."""
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)
    assert log_of(first) == log_of(second)
    with np.load(first / "held_out.npz") as a, np.load(second / "held_out.npz") as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
