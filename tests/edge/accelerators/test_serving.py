"""What serves may fail: the next one takes over, nothing is lost, and it is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from edge.accelerators import AcceleratorSettings, choose, join
from edge.accelerators.guarded import GuardedRuntime
from edge.accelerators.memory import HOUR_S, MEMORY_FILE, Memory
from edge.accelerators.opening import networks_of
from edge.accelerators.owner import Owner
from edge.accelerators.plan import plan
from edge.accelerators.serving import Serving
from edge.accelerators.threads import MEASURED, cores
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import (
    BundleError,
    DeviceLostError,
    GoldenMismatchError,
    RuntimeUnavailableError,
)
from edge.contract.types import U8Array
from edge.installed import SHIPPED_DIR
from edge.runtimes.base import Runtime, describe_run, open_runtime
from tests.edge.accelerators.drawn_delegate import NAME, drawn_settings

ROOT = Path(__file__).parents[3]
ROLES = ("classifier", "novelty", "finder")
KEY = "litert/delegate"


@pytest.fixture(scope="module")
def cells(shipped: Bundle) -> U8Array:
    return shipped.array("golden/input.npy").astype(np.uint8)


def call_until_it_fails(runtime: Runtime, cells: U8Array, calls: int = 400) -> int:
    """How many calls went well on the delegate; each gives what the processor gives."""
    expected = open_runtime(open_bundle(SHIPPED_DIR / "malaria-cells-5")).run(cells[:1]).logits
    for call in range(calls):
        assert np.abs(runtime.run(cells[:1]).logits - expected).max() < 0.42
        if runtime.accelerator != NAME:
            return call
    raise AssertionError(f"nothing failed in {calls} calls")


def test_sound_delegate_serves(
    shipped: Bundle, library: Path, cells: U8Array, tmp_path: Path
) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library), home=tmp_path)
    assert (opened.key, opened.fallback_why) == (f"litert/{NAME}", "")
    first, second, finder = opened.runtimes
    assert (first.accelerator, finder.accelerator) == (NAME, NAME)
    assert second.accelerator.startswith("cpu")
    assert first.operations and first.operations.on_device == 1
    assert not describe_run(shipped, first, fallback=False).fallback
    assert first.run(cells).logits.shape == (16,)
    serving = json.loads((tmp_path / MEMORY_FILE).read_text())["serving"]
    assert serving[str(os.getpid())][0] == KEY
    for runtime in opened.runtimes:
        runtime.close()
        runtime.close()
    assert json.loads((tmp_path / MEMORY_FILE).read_text())["serving"] == {}
    with pytest.raises(RuntimeUnavailableError, match="was closed"):
        first.run(cells)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "no device is attached"),
        ("crash", "crashed with SIGABRT"),
        ("wrong", "golden logit differs"),
        ("idle", "takes none of"),
    ],
)
def test_processor_serves_where_the_delegate_fails_its_proof(
    shipped: Bundle, library: Path, fault: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library, fault))
    assert opened.key.startswith("litert/cpu")
    assert opened.fallback_why.startswith(f"{KEY}: ") and reason in opened.fallback_why
    assert not isinstance(opened.runtimes[0], GuardedRuntime)
    ran_on = describe_run(shipped, opened.runtimes[0], fallback=False)
    assert (ran_on.fallback, ran_on.fallback_why) == (True, opened.fallback_why)
    assert f"{KEY} is not used" in caplog.text


def test_delegate_that_hangs_in_its_proof_costs_its_time_out(
    shipped: Bundle, library: Path
) -> None:
    settings = replace(drawn_settings(library, "hang"), proof_timeout_s=2.0)
    opened = choose(shipped, ROLES, settings)
    assert "gave no answer within 2 s" in opened.fallback_why


def test_accelerator_that_is_absent_is_a_fallback_when_it_was_asked_for(shipped: Bundle) -> None:
    opened = choose(shipped, ROLES, AcceleratorSettings(names=("delegate",)))
    assert opened.fallback_why == "litert/delegate: none is named; give --delegate PATH"
    unasked = choose(shipped, ROLES)
    assert unasked.fallback_why == ""


def test_unasked_it_must_be_faster_and_may_take_nothing(
    shipped: Bundle, library: Path, tmp_path: Path
) -> None:
    for fault, own_ms, why in (
        ("none", 1e-6, ""),
        ("none", 1e6, None),
        ("idle", 1e6, ""),
        ("refuse", 1e6, "no device is attached"),
    ):
        settings = drawn_settings(library, fault)
        steps = [replace(step, asked=False) for step in plan(settings, (), 1, None)]
        memory = Memory(tmp_path)
        key = f"{shipped.sha256[:16]} litert on {cores()} cores"
        memory.keep(MEASURED, key, {"threads": 1, "batch_ms": {"1": own_ms}})
        serving = Serving(networks_of(shipped, ROLES), steps, settings, memory)
        first, *_ = serving.open()
        if why is None:
            assert first.accelerator == NAME
        else:
            assert first.accelerator.startswith("cpu")
            assert (why in serving.fallback_why) if why else (serving.fallback_why == "")
        first.close()


def test_device_that_is_lost_is_restarted_then_replaced(
    shipped: Bundle, library: Path, cells: U8Array, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = drawn_settings(library, "lost", after=60, restarts=1)
    opened = choose(shipped, ROLES, settings, home=tmp_path)
    first, second, finder = opened.runtimes
    assert call_until_it_fails(first, cells) > 60  # it was restarted once
    assert len(Memory(tmp_path).failures(KEY)) == 2
    for runtime in (first, second, finder):
        assert runtime.accelerator.startswith("cpu")
        assert "failed while it served" in runtime.fallback_why
        assert "the device is gone" in runtime.fallback_why
    assert f"{KEY} failed while it served" in caplog.text
    assert finder.grid(np.zeros((64, 64, 3), np.uint8)).ndim == 3


def test_device_that_hangs_is_left_behind(
    shipped: Bundle, library: Path, cells: U8Array, tmp_path: Path
) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library, "stuck", after=70), home=tmp_path)
    started = time.monotonic()
    call_until_it_fails(opened.runtimes[0], cells)
    assert time.monotonic() - started < 60
    assert "gave no answer within" in opened.runtimes[0].fallback_why
    assert len(Memory(tmp_path).failures(KEY)) == 1
    for runtime in opened.runtimes:
        runtime.close()


def test_what_failed_too_often_is_left_alone(
    shipped: Bundle, library: Path, tmp_path: Path
) -> None:
    memory = Memory(tmp_path)
    for _ in range(3):
        memory.add_failure(KEY, "was unplugged")
    opened = choose(shipped, ROLES, drawn_settings(library), home=tmp_path)
    assert "failed 3 times within the last hour" in opened.fallback_why
    assert "it was unplugged" in opened.fallback_why


def test_failures_are_forgotten_after_an_hour(tmp_path: Path) -> None:
    now = [1e9]
    memory = Memory(tmp_path, lambda: now[0])
    memory.add_failure(KEY, "was unplugged")
    assert Memory(tmp_path, lambda: now[0]).failures(KEY) == ["was unplugged"]
    now[0] += HOUR_S
    assert memory.failures(KEY) == []


def test_nothing_left_is_said(shipped: Bundle, library: Path, cells: U8Array) -> None:
    settings = drawn_settings(library, "lost", after=70, restarts=0)
    alone = [step for step in plan(settings, (), 1, None) if step.asked]
    serving = Serving(networks_of(shipped, ROLES), alone, settings, Memory(None))
    first, *_ = serving.open()
    with pytest.raises(RuntimeUnavailableError, match=r"no runtime opened .* the device is gone"):
        call_until_it_fails(first, cells)
    with pytest.raises(RuntimeUnavailableError, match="no runtime opened"):
        first.run(cells)


def test_wrong_golden_tensors_leave_nothing(shipped: Bundle) -> None:
    buffer = BytesIO()
    np.save(buffer, shipped.array("golden/logit.npy") + np.float32(9))
    altered = replace(shipped, files={**shipped.files, "golden/logit.npy": buffer.getvalue()})
    with pytest.raises(GoldenMismatchError, match=r"litert: golden logit .* onnx: golden logit"):
        choose(altered, ROLES)


def test_networks_of_other_bundles_join_and_move_along(
    shipped: Bundle, library: Path, cells: U8Array
) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library, "lost", after=70, restarts=0))
    stages = join(opened.runtimes[0], open_bundle(SHIPPED_DIR / "malaria-stages-1"), "classifier")
    assert stages.accelerator == NAME
    call_until_it_fails(opened.runtimes[0], cells)
    assert stages.accelerator == opened.runtimes[0].accelerator
    assert stages.run(cells).logits.shape == (16, 4)


def test_network_joins_the_processor_plainly(shipped: Bundle) -> None:
    opened = choose(shipped, ("classifier",), threads=1, runtimes=("onnx",))
    stages = join(opened.runtimes[0], open_bundle(SHIPPED_DIR / "malaria-stages-1"), "classifier")
    assert (stages.name, stages.accelerator) == ("onnx", "cpu")


def test_threads_fall_back_together(shipped: Bundle, library: Path, cells: U8Array) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library, "lost", after=90, restarts=0))
    first, second, _ = opened.runtimes
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: (first, second)[at % 2].run(cells), range(400)))
    for scores in found[::2]:
        assert np.abs(scores.logits - found[0].logits).max() < 0.42
    assert first.accelerator.startswith("cpu")


def test_guarded_network_knows_what_it_is(shipped: Bundle, library: Path) -> None:
    opened = choose(shipped, ROLES, drawn_settings(library))
    image = np.zeros((1, 96, 96, 3), np.uint8)
    with pytest.raises(BundleError, match="makes no pictures larger"):
        opened.runtimes[0].enlarge(image)
    with pytest.raises(BundleError, match="finds no cells"):
        opened.runtimes[0].grid(image[0])


def test_program_that_a_driver_brought_down_is_remembered(
    shipped: Bundle, library: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from edge.accelerators import choose\n"
        "from edge.contract.bundle import open_bundle\n"
        "from tests.edge.accelerators.drawn_delegate import drawn_settings\n"
        "bundle = open_bundle(Path(sys.argv[1]))\n"
        "settings = drawn_settings(Path(sys.argv[2]), 'die', after=70)\n"
        "first = choose(bundle, ['classifier'], settings, home=Path(sys.argv[3])).runtimes[0]\n"
        "while True: first.run(np.zeros((1, 96, 96, 3), np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, shipped.path, library, tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGABRT, done.stderr
    assert Memory(tmp_path).failures(KEY) == ["the program was brought down while it served"]
    assert json.loads((tmp_path / MEMORY_FILE).read_text())["serving"] == {}


def test_power_cut_is_no_failure(tmp_path: Path) -> None:
    content = {"serving": {"999999999": [KEY, "another boot"]}}
    (tmp_path / MEMORY_FILE).write_text(json.dumps(content))
    assert Memory(tmp_path).failures(KEY) == []


def test_memory_that_cannot_be_read_or_written_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / MEMORY_FILE).write_text("no JSON")
    memory = Memory(tmp_path)
    assert "is begun anew" in caplog.text
    (tmp_path / "file").write_text("x")
    memory = Memory(tmp_path / "file/home")
    memory.keep("threads", "key", {"threads": 1})
    assert "cannot be written" in caplog.text
    assert memory.recall("threads", "key")


def test_owner_gives_errors_to_their_caller() -> None:
    owner = Owner("drawn")

    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        owner.call(fail, 5)
    assert not owner.stuck
    hold = threading.Event()
    with pytest.raises(DeviceLostError, match=r"drawn gave no answer within 0.05 s"):
        owner.call(hold.wait, 0.05)
    with pytest.raises(DeviceLostError, match="drawn hangs"):
        owner.call(fail, 5)
    hold.set()
    owner.end()
