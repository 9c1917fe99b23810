"""Threads are measured once for a bundle, and kept with when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.accelerators import choose
from edge.accelerators.memory import MEMORY_FILE, Memory
from edge.accelerators.opening import Network
from edge.accelerators.threads import best_of, cores, fit_threads
from edge.contract.bundle import Bundle


@pytest.mark.parametrize(
    ("times", "best"),
    [
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 0.95}, 1),
        ({1: 1.0, 2: 0.6, 4: 0.58}, 2),
        ({1: 1.0, 2: 1.4, 4: 0.5}, 4),
        ({1: 1.0, 2: 1.1, 4: 2.0}, 1),
    ],
)
def test_fewest_threads_that_are_worth_it(times: dict[int, float], best: int) -> None:
    assert best_of(times) == best


def test_measured_once_and_kept(shipped: Bundle, tmp_path: Path) -> None:
    network = Network(shipped, "classifier")
    threads, batch_ms = fit_threads(network, "litert", Memory(tmp_path))
    assert 1 <= threads <= 4 and batch_ms > 0
    kept = json.loads((tmp_path / MEMORY_FILE).read_text())["threads"]
    (key,) = kept
    assert key == f"{shipped.sha256[:16]} litert on {cores()} cores"
    assert kept[key]["measured_utc"].startswith("20") and kept[key]["bundle"] == "malaria-cells-5"
    kept[key]["threads"] = 3
    kept[key]["batch_ms"] = {"3": 0.125}
    (tmp_path / MEMORY_FILE).write_text(json.dumps({"threads": kept}))
    assert fit_threads(network, "litert", Memory(tmp_path)) == (3, 0.125)
    assert choose(shipped, ("classifier",), home=tmp_path).runtimes[0].threads == 3
    assert choose(shipped, ("classifier",), threads=1, home=tmp_path).runtimes[0].threads == 1
