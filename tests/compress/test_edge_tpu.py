"""What an Edge TPU would take, and the step through its compiler as a real process."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compress.edge_tpu import SUPPORTED, fixed_batch, place_operations
from compress.edge_tpu_compiler import COMPILER, compile_model
from edge.accelerators.opening import Way, networks_of, open_proven
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import DataError, RuntimeUnavailableError
from edge.runtimes.base import Device, Operations, open_runtime
from tests.conftest import SHIPPED
from tests.edge.runtimes.drawn_networks import draw_tflite

Run = Callable[..., tuple[int, str, str]]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(SHIPPED)


@pytest.fixture()
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drawn compiler, on the PATH by the real one's name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / COMPILER
    script = TESTS / "support/drawn_edgetpu_compiler.py"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return path


def network(bundle: Bundle, role: str) -> tuple[bytes, str]:
    weights = bundle.manifest.weights_for(role, "tflite")
    return bundle.weights_bytes(weights), weights.file


def test_integers_go_until_the_first_operation_that_cannot(shipped: Bundle) -> None:
    placed = place_operations(*network(shipped, "classifier"))
    kinds = [one.kind for one in placed if one.on_tpu]
    assert kinds == ["QUANTIZE", "SPACE_TO_DEPTH", *["CONV_2D"] * 7]
    stay = {one.kind: one.why for one in placed if not one.on_tpu}
    assert stay["MEAN"] == "comes after DEQUANTIZE, which stays on the processor"
    assert stay["DEQUANTIZE"] == "is not in the Edge TPU's list"


def test_all_after_a_sort_stays(shipped: Bundle) -> None:
    placed = place_operations(*network(shipped, "novelty"))
    at = [one.kind for one in placed].index("TOPK_V2")
    assert all(one.on_tpu for one in placed[:at]) and not any(one.on_tpu for one in placed[at:])
    assert "may stay on the processor where it is large" in {one.why for one in placed[:at]}
    assert "TOPK_V2" not in SUPPORTED


def test_float_stays() -> None:
    placed = place_operations(draw_tflite(3), "drawn.tflite")
    assert not any(one.on_tpu for one in placed)
    assert {one.kind: one.why for one in placed}["CONV_2D"] == (
        "computes in float32, not in 8-bit integers"
    )


def test_network_of_any_size_stays(shipped: Bundle) -> None:
    content, file = network(shipped, "finder")
    placed = place_operations(content, file, any_size=True)
    assert not any(one.on_tpu for one in placed)
    assert placed[0].why == "takes images of any size, an Edge TPU one"
    with pytest.raises(DataError, match="takes images of any size"):
        fixed_batch(content, file, any_size=True)
    assert any(one.on_tpu for one in place_operations(content, file))


def test_file_that_is_none_is_refused() -> None:
    for content in (b"", b"no model at all, but long enough"):
        with pytest.raises(DataError, match=r"drawn\.tflite"):
            place_operations(content, "drawn.tflite")


def test_fixed_batch_computes_the_same(shipped: Bundle) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content, file = network(shipped, "classifier")
    fixed = Interpreter(model_content=fixed_batch(content, file))
    fixed.allocate_tensors()
    details = fixed.get_input_details()[0]
    assert -1 not in details["shape_signature"]
    cells = shipped.array("golden/input.npy").astype(np.uint8)[:1]
    fixed.set_tensor(details["index"], cells)
    fixed.invoke()
    logit = fixed.get_tensor(fixed.get_output_details()[1]["index"])
    assert np.array_equal(logit.reshape(-1), open_runtime(shipped).run(cells).logits)


def test_without_the_compiler_it_says_so(
    clinicscope: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, said = clinicscope("compress", "edgetpu", SHIPPED, "--out", tmp_path / "out")
    assert code == 4 and "edgetpu_compiler is not on the PATH" in said
    assert not (tmp_path / "out").exists()
    code, out, _ = clinicscope("compress", "edgetpu", SHIPPED, "--check")
    assert code == 0 and "malaria-cells.int8.tflite: 9 of 12 operations on the Edge TPU" in out
    assert "processor  TOPK_V2" in out and "is not in the Edge TPU's list" in out


def test_command_asks_for_out_or_check(clinicscope: Run) -> None:
    code, _, said = clinicscope("compress", "edgetpu", SHIPPED)
    assert code == 2 and "give --out, or --check" in said


def test_check_as_json(clinicscope: Run, tmp_path: Path) -> None:
    content, file = network(open_bundle(SHIPPED), "classifier")
    (tmp_path / file).write_bytes(content)
    code, out, _ = clinicscope("compress", "edgetpu", tmp_path / file, "--check", "--json")
    (placed,) = json.loads(out).values()
    assert code == 0 and [one["on_tpu"] for one in placed] == [True] * 9 + [False] * 3


def test_bundle_gets_compiled_networks_beside_its_own(
    clinicscope: Run, compiler: Path, tmp_path: Path
) -> None:
    out = tmp_path / "compiled"
    code, said, _ = clinicscope("compress", "edgetpu", SHIPPED, "--out", out)
    assert code == 0, said
    assert "classifier: compiled; 1 operations on the Edge TPU, 11 not" in said
    assert "not compiled: finder.int8.tflite takes images of any size" in said
    made, own = open_bundle(out), open_bundle(SHIPPED)
    assert made.sha256 != own.sha256
    roles = [one.role for one in made.manifest.weights if one.format == "edgetpu"]
    assert roles == ["classifier", "novelty"]
    assert [one for one in made.manifest.weights if one.format != "edgetpu"] == list(
        own.manifest.weights
    )
    assert clinicscope("selftest", "--bundle", out)[0] == 0
    code, _, said = clinicscope("compress", "edgetpu", SHIPPED, "--out", out)
    assert code == 3 and "exists; give another --out" in said
    code, _, said = clinicscope(
        "compress", "edgetpu", out / "malaria-cells.int8_edgetpu.tflite", "--check"
    )
    assert code == 3 and "is compiled for the Edge TPU already" in said


def test_compiled_networks_serve_on_their_delegate(
    clinicscope: Run, compiler: Path, tmp_path: Path
) -> None:
    """The golden tensors come out of the compiled file, its first operation on a real delegate."""
    gcc = shutil.which("gcc")
    assert gcc, "gcc is missing; run tests/edge/accelerators/install_compiler.sh"
    library = tmp_path / "libdrawn.so"
    source = TESTS / "edge/accelerators/delegate.c"
    subprocess.run([gcc, "-shared", "-fPIC", "-o", library, source], check=True)
    assert clinicscope("compress", "edgetpu", SHIPPED, "--out", tmp_path / "made")[0] == 0
    made = open_bundle(tmp_path / "made")
    way = Way("litert", 1, Device("edgetpu", str(library), (("open", "1"),)))
    first, finder = open_proven(networks_of(made, ("classifier", "finder")), way)
    assert (first.accelerator, first.weights.format) == ("edgetpu", "edgetpu")
    assert first.operations == Operations(1, 12)
    assert finder.accelerator.startswith("cpu")
    cells = made.array("golden/input.npy").astype(np.uint8)
    assert np.abs(first.run(cells).logits - open_runtime(made).run(cells).logits).max() < 0.42


def test_single_file_is_compiled(clinicscope: Run, compiler: Path, tmp_path: Path) -> None:
    content, file = network(open_bundle(SHIPPED), "classifier")
    (tmp_path / file).write_bytes(content)
    out = tmp_path / "made.tflite"
    code, said, _ = clinicscope("compress", "edgetpu", tmp_path / file, "--out", out)
    assert code == 0 and f"{file}: compiled; 1 operations" in said
    assert b"edgetpu-custom-op" in out.read_bytes()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "refuses malaria-cells.int8.tflite with exit code 1: Internal compiler error"),
        ("nothing", "made no malaria-cells.int8_edgetpu.tflite"),
        ("unmapped", "mapped no operation of malaria-cells.int8.tflite"),
        ("hang", "took more than 2 s over malaria-cells.int8.tflite"),
    ],
)
def test_compiler_that_fails_is_said(
    shipped: Bundle, compiler: Path, monkeypatch: pytest.MonkeyPatch, fault: str, reason: str
) -> None:
    monkeypatch.setenv("DRAWN_COMPILER", fault)
    with pytest.raises(DataError, match=reason):
        compile_model(*network(shipped, "classifier"), timeout_s=2.0 if fault == "hang" else 60.0)


def test_bundle_of_which_nothing_compiles_is_refused(
    clinicscope: Run, compiler: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRAWN_COMPILER", "refuse")
    code, _, said = clinicscope("compress", "edgetpu", SHIPPED, "--out", tmp_path / "out")
    assert code == 3 and "none of the networks could be compiled" in said
    assert not (tmp_path / "out").exists()


def test_compiler_that_cannot_start_is_said(shipped: Bundle, compiler: Path) -> None:
    compiler.write_text("no program")
    with pytest.raises((DataError, RuntimeUnavailableError), match=r"cannot be started|exit code"):
        compile_model(*network(shipped, "classifier"))
