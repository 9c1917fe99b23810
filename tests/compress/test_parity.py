"""Parity with float: figures by runtime, the refusal, and scoring on every runtime there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compress.parity import (
    LEGACY,
    MAX_ACCURACY_LOSS,
    MAX_AUC_LOSS,
    check_parity,
    max_accuracy_loss,
    measure_parity,
    score_legacy,
    score_on,
    score_runtimes,
)
from edge.contract.errors import ConfigError, DataError, RuntimeUnavailableError
from edge.contract.manifest import Parity
from edge.contract.types import F32Array
from tests.edge.runtimes.drawn_bundles import describe
from tests.edge.runtimes.drawn_networks import draw_cells, draw_onnx, draw_tflite, expected_scores


def two_labels(count: int = 4000) -> tuple[F32Array, np.ndarray]:
    """Logits that part the labels but for a few."""
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 2
    logits = np.asarray(rng.normal(0, 1.5, count) + 4 * labels - 2, np.float32)
    return logits, labels


def three_labels(count: int = 90) -> tuple[F32Array, np.ndarray]:
    rng = np.random.default_rng(2)
    labels = np.arange(count) % 3
    logits = np.asarray(rng.normal(0, 1, (count, 3)) + 3 * np.eye(3)[labels], np.float32)
    return logits, labels


def wronged(logits: F32Array, labels: np.ndarray, count: int) -> F32Array:
    """The logits with so many of the right calls turned wrong."""
    found = logits.copy()
    right = np.flatnonzero((logits >= 0) == labels)[:count]
    found[right] = np.where(labels[right], -9, 9)
    return found


def test_figures_are_those_of_the_runtime_that_loses_most() -> None:
    logits, labels = two_labels()
    worse = wronged(logits, labels, 2)
    parity = measure_parity(logits, {"litert": logits + 0.01, "onnx": worse}, labels, 0.0)
    assert [run.runtime for run in parity.runtimes] == ["onnx", "litert"]
    assert [run.format for run in parity.runtimes] == ["onnx", "tflite"]
    assert parity.runtimes[1].logit_max_abs_difference == pytest.approx(0.01, abs=1e-4)
    assert parity.runtimes[0].calls_agree_fraction == parity.calls_agree_fraction == 0.9995
    assert parity.accuracy_float - parity.accuracy_int8 == pytest.approx(0.0005)
    assert parity.auc_int8 < parity.auc_float
    assert parity.n_cells == parity.runtimes[0].n_cells == 4000


def test_figures_of_several_labels_by_hand() -> None:
    logits, labels = three_labels()
    int8 = logits.copy()
    int8[0] = [0, 9, 0]
    parity = measure_parity(logits, {"litert": int8}, labels)
    calls = logits.argmax(axis=1)
    assert calls[0] == 0
    assert parity.accuracy_float == pytest.approx((calls == labels).mean(), abs=1e-5)
    assert parity.accuracy_int8 == pytest.approx(parity.accuracy_float - 1 / 90, abs=1e-5)
    areas = [
        np.mean(logits[labels == k, k][:, None] > logits[labels != k, k][None]) for k in range(3)
    ]
    assert parity.auc_float == pytest.approx(np.mean(areas), abs=1e-5)
    assert parity.calls_agree_fraction == pytest.approx(89 / 90, abs=1e-5)


def test_threshold_decides_the_calls_of_two_labels() -> None:
    logits, labels = two_labels()
    moved = np.where(np.abs(logits - 1) < 0.2, 2 - logits, logits).astype(np.float32)
    at_one = measure_parity(logits, {"litert": moved}, labels, 1.0)
    far_off = measure_parity(logits, {"litert": moved}, labels, -1.0)
    assert at_one.calls_agree_fraction < far_off.calls_agree_fraction == 1.0


def parity_of(**changes: float) -> Parity:
    whole = Parity(4000, 0.99, 0.99, 0.95, 0.95, 0.1, 0.99)
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auc_int8": 0.98949}, r"INT8 loses 0\.00051 AUC \(at most 0\.0005\)"),
        ({"accuracy_int8": 0.94899}, r"and 0\.00101 accuracy \(at most 0\.001\)"),
        ({"auc_int8": float("nan")}, "loses nan AUC"),
        ({"n_cells": 100, "accuracy_int8": 0.929}, r"0\.02100 accuracy \(at most 0\.02\)"),
    ],
)
def test_lost_parity_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_parity(parity_of(**changes))


def test_what_may_be_lost_is_allowed() -> None:
    check_parity(parity_of(auc_int8=0.99 - MAX_AUC_LOSS))
    check_parity(parity_of(accuracy_int8=0.95 - MAX_ACCURACY_LOSS))
    check_parity(parity_of(auc_int8=1.0, accuracy_int8=1.0))
    check_parity(parity_of(n_cells=100, accuracy_int8=0.93))


def test_a_novelty_network_is_judged_by_the_order_of_its_scores() -> None:
    check_parity(parity_of(accuracy_int8=0.90, auc_int8=0.9881), of_novelty=True)
    with pytest.raises(DataError, match=r"loses 0\.00210 AUC \(at most 0\.002\)"):
        check_parity(parity_of(auc_int8=0.9879), of_novelty=True)
    with pytest.raises(DataError, match="loses nan AUC"):
        check_parity(parity_of(auc_int8=float("nan")), of_novelty=True)


def test_limit_is_two_calls_of_a_small_set() -> None:
    assert max_accuracy_loss(100) == 0.02
    assert max_accuracy_loss(2000) == max_accuracy_loss(50_000) == MAX_ACCURACY_LOSS


@pytest.mark.parametrize(
    ("runtime", "format_"), [("litert", "tflite"), ("tflite_runtime", "tflite"), ("onnx", "onnx")]
)
def test_refusal_says_on_which_runtime(runtime: str, format_: str) -> None:
    logits, labels = two_labels()
    runtimes = dict.fromkeys(("litert", "tflite_runtime", "onnx"), logits)
    runtimes[runtime] = wronged(logits, labels, 200)
    parity = measure_parity(logits, runtimes, labels, 0.0)
    with pytest.raises(DataError, match=rf"against float on {runtime}/{format_}, whose logits are"):
        check_parity(parity)


def test_what_cannot_be_compared_is_refused() -> None:
    logits, labels = two_labels(40)
    three, of_three = three_labels(30)
    with pytest.raises(ConfigError, match=r"runtimes are \['tpu'\]; known: litert"):
        measure_parity(logits, {"tpu": logits}, labels, 0.0)
    with pytest.raises(ConfigError, match="runtimes are none"):
        measure_parity(logits, {}, labels, 0.0)
    with pytest.raises(ConfigError, match="of two labels need a threshold"):
        measure_parity(logits, {"litert": logits}, labels)
    with pytest.raises(ConfigError, match=r"\(N,K\) have none"):
        measure_parity(three, {"litert": three}, of_three, 0.0)
    with pytest.raises(DataError, match=r"litert gave logits of shape \(39,\) for 40 examples"):
        measure_parity(logits, {"litert": logits[:-1]}, labels, 0.0)
    with pytest.raises(DataError, match="float gave logits of shape"):
        measure_parity(logits, {"litert": logits}, labels[:-1], 0.0)
    with pytest.raises(DataError, match="onnx gave logits that are no numbers"):
        measure_parity(logits, {"onnx": logits * np.float32(np.nan)}, labels, 0.0)
    with pytest.raises(DataError, match=r"none of 30 examples has label \[2\]"):
        measure_parity(three, {"litert": three}, np.minimum(of_three, 1))
    with pytest.raises(DataError, match=r"none of 40 examples has label \[1\]"):
        measure_parity(logits, {"litert": logits}, labels * 0, 0.0)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_every_runtime_scores_its_file(n_outputs: int) -> None:
    assert (LEGACY / "bin/python").is_file(), f"{LEGACY} is missing: run `make legacy`"
    contents = {"tflite": draw_tflite(n_outputs), "onnx": draw_onnx(n_outputs)}
    cells = draw_cells(20)
    files = [(describe(data, name, n_outputs), data) for name, data in contents.items()]
    found = score_runtimes(files, cells)
    assert list(found) == ["litert", "tflite_runtime", "onnx"]
    expected = expected_scores(cells, n_outputs).logits
    for logits in found.values():
        assert logits.shape == expected.shape
        assert np.abs(logits - expected).max() < 1e-3


def test_runtime_of_another_format_is_refused() -> None:
    content = draw_onnx(1)
    weights = describe(content, "onnx", 1)
    for name in ("litert", "tpu"):
        with pytest.raises(ConfigError, match=f"runtime is '{name}', but .* read it: onnx$"):
            score_on(name, content, weights, draw_cells(1))


def test_file_that_a_runtime_refuses_is_named() -> None:
    weights = describe(draw_tflite(1), "tflite", 1)
    with pytest.raises(RuntimeUnavailableError, match=r"LiteRT refuses drawn\.tflite"):
        score_on("litert", b"no model", weights, draw_cells(1))
    with pytest.raises(DataError, match=r"fails on drawn\.tflite: tflite-runtime refuses"):
        score_legacy(b"no model", weights, draw_cells(1))


def test_without_the_legacy_environment_nothing_is_measured_there(tmp_path: Path) -> None:
    content = draw_tflite(1)
    weights = describe(content, "tflite", 1)
    assert score_legacy(content, weights, draw_cells(1), tmp_path) is None
