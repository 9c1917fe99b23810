"""How far the files that ship are from their float parent on each runtime, and the refusal to ship.

All that is compared is of the same examples, which the network was neither fitted nor tuned on.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from compress.legacy_scores import CROPS, LOGITS, MODEL, WEIGHTS, write_weights
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import Parity, RuntimeParity, Weights
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import RUNTIMES, Runtime
from train.evaluate import macro_auc

log = logging.getLogger(__name__)

# What quantisation may cost: an AUC (macro of several labels) and a share of right calls.
MAX_AUC_LOSS = 0.0005
MAX_ACCURACY_LOSS = 0.001
# A novelty network's threshold is chosen on INT8's own scores, where one healthy cell in a hundred
# lies: what float would call at it says little, and the order of the scores says all.
MAX_NOVELTY_AUC_LOSS = 0.002
# A call or two is chance, and of fewer than 2,000 examples more than .001: so many may be lost.
MAX_CALLS_LOST = 2
# What a workstation proves each format on; tflite-runtime needs an environment of its own.
FIRST_RUNTIME = {"tflite": "litert", "onnx": "onnx"}
LEGACY_RUNTIME = "tflite_runtime"
ROOT = Path(__file__).parents[1]
LEGACY = ROOT / ".venv-legacy"


@dataclass(frozen=True)
class _Agreement:
    """One runtime against float, rounded as manifests keep it."""

    runtime: str
    auc: float
    accuracy: float
    mean_difference: float
    max_difference: float
    calls_agree: float


def measure_parity(
    float_logits: F32Array,
    runtimes: Mapping[str, F32Array],
    labels: np.ndarray,
    threshold_logit: float | None = None,
) -> Parity:
    """Agreement with float; the figures are those of the runtime that loses most, named first.

    Args:
        float_logits: (N,) of the positive label of two, or (N,K), of the Keras parent.
        runtimes: logits of the same shape by the runtime's name in `edge.runtimes.base.RUNTIMES`.
        labels: (N,) class indices.
        threshold_logit: of the operating point; of more than two labels the largest logit is
            called, and there is none.

    Raises:
        ConfigError: no runtime, an unknown one, or a threshold is missing.
        DataError: logits are not of the same examples, not finite, or a label has no example.
    """
    truth = np.asarray(labels).astype(np.int64)
    _check_comparable(float_logits, runtimes, truth, threshold_logit)
    parent = _compare("float", float_logits, float_logits, truth, threshold_logit)
    found = [
        _compare(name, logits, float_logits, truth, threshold_logit)
        for name, logits in runtimes.items()
    ]
    found.sort(key=lambda one: _loss(parent, one, len(truth)), reverse=True)
    return Parity(
        n_cells=len(truth),
        auc_float=parent.auc,
        auc_int8=found[0].auc,
        accuracy_float=parent.accuracy,
        accuracy_int8=found[0].accuracy,
        logit_mean_abs_difference=found[0].mean_difference,
        calls_agree_fraction=found[0].calls_agree,
        runtimes=tuple(_of_runtime(one, len(truth)) for one in found),
    )


def max_accuracy_loss(n_examples: int) -> float:
    """How much accuracy may be lost on so many examples."""
    return max(MAX_ACCURACY_LOSS, MAX_CALLS_LOST / max(n_examples, 1))


def check_parity(parity: Parity, *, of_novelty: bool = False) -> None:
    """Raises DataError where INT8 loses more than a bundle may, and says on which runtime."""
    auc_loss = round(parity.auc_float - parity.auc_int8, 6)
    accuracy_loss = round(parity.accuracy_float - parity.accuracy_int8, 6)
    auc_allowed = MAX_NOVELTY_AUC_LOSS if of_novelty else MAX_AUC_LOSS
    allowed = 1.0 if of_novelty else max_accuracy_loss(parity.n_cells)
    # Written so that a figure which is no number is refused, too.
    if auc_loss <= auc_allowed and accuracy_loss <= allowed:
        return
    where = ""
    if parity.runtimes:
        worst = parity.runtimes[0]
        where = (
            f" on {worst.runtime}/{worst.format}, whose logits are up to "
            f"{worst.logit_max_abs_difference:.3f} away"
        )
    raise DataError(
        f"INT8 loses {auc_loss:.5f} AUC (at most {auc_allowed}) and {accuracy_loss:.5f} accuracy "
        f"(at most {allowed:.5g}) against float{where}, of {parity.n_cells:,} examples; use a "
        "larger representative set, train with quantisation, or leave the worst layer in float"
    )


def score_runtimes(files: Sequence[tuple[Weights, bytes]], crops: U8Array) -> dict[str, F32Array]:
    """Logits by runtime: each file on the first of its format, TFLite on tflite-runtime as well.

    Args:
        files: entries of the manifest with the files' content, one a format.
        crops: (N,S,S,3) uint8 RGB.

    Raises:
        RuntimeUnavailableError: LiteRT or ONNX Runtime refuses its file.
        DataError: tflite-runtime is there, but fails.
    """
    found = {}
    for weights, content in files:
        name = FIRST_RUNTIME[weights.format]
        found[name] = score_on(name, content, weights, crops)
        legacy = score_legacy(content, weights, crops) if weights.format == "tflite" else None
        if legacy is not None:
            found[LEGACY_RUNTIME] = legacy
    return found


def score_on(runtime: str, content: bytes, weights: Weights, crops: U8Array) -> F32Array:
    """Logits, (N,) or (N,K), of a device's runtime on one thread.

    Args:
        runtime: a key of `edge.runtimes.base.RUNTIMES`.
        content: the file that `weights` describes.
        crops: (N,S,S,3) uint8 RGB.

    Raises:
        ConfigError: no such runtime, or it reads another format.
        RuntimeUnavailableError: it is not installed, or refuses the file.
    """
    if runtime not in RUNTIMES or RUNTIMES[runtime][1] != weights.format:
        known = [name for name, (_, format_) in RUNTIMES.items() if format_ == weights.format]
        raise ConfigError(
            f"runtime is {runtime!r}, but {weights.file} is {weights.format}; those that read it: "
            f"{', '.join(known)}"
        )
    module, _, kind = RUNTIMES[runtime][0].partition(":")
    opened: Runtime = getattr(import_module(module), kind)(content, weights)
    try:
        return opened.run(crops).logits
    finally:
        opened.close()


def score_legacy(
    content: bytes, weights: Weights, crops: U8Array, environment: Path = LEGACY
) -> F32Array | None:
    """Logits of tflite-runtime in the environment that `make legacy` builds.

    Returns:
        None where there is no such environment.

    Raises:
        DataError: it is there, but cannot run the file.
    """
    if not has_legacy(environment):
        log.info("no %s: %s is not measured on tflite-runtime", environment, weights.file)
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(content)
        write_weights(folder / WEIGHTS, weights)
        np.save(folder / CROPS, crops, allow_pickle=False)
        run_legacy("compress.legacy_scores", folder, weights.file, environment)
        return np.asarray(np.load(folder / LOGITS, allow_pickle=False), np.float32)


def has_legacy(environment: Path = LEGACY) -> bool:
    """Whether `make legacy` was run."""
    return (environment / "bin/python").is_file()


def run_legacy(module: str, folder: Path, file: str, environment: Path = LEGACY) -> None:
    """Runs a module of ours in the environment of tflite-runtime, on a folder that it knows.

    Args:
        file: what a message calls the model.

    Raises:
        DataError: it fails.
    """
    done = subprocess.run(
        [environment / "bin/python", "-m", module, folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"tflite-runtime in {environment} fails on {file}: {last}")


def _call(logits: F32Array, threshold_logit: float | None) -> np.ndarray:
    """(N,) class indices."""
    if threshold_logit is None:
        return np.asarray(logits.argmax(axis=1))
    return (logits.astype(np.float64) >= threshold_logit).astype(np.int64)


def _compare(
    name: str,
    logits: F32Array,
    float_logits: F32Array,
    truth: np.ndarray,
    threshold_logit: float | None,
) -> _Agreement:
    away, calls = np.abs(logits - float_logits), _call(logits, threshold_logit)
    return _Agreement(
        name,
        auc=round(macro_auc(logits, truth), 5),
        accuracy=round(float((calls == truth).mean()), 5),
        mean_difference=round(float(away.mean()), 5),
        max_difference=round(float(away.max()), 5),
        calls_agree=round(float((calls == _call(float_logits, threshold_logit)).mean()), 5),
    )


def _loss(parent: _Agreement, one: _Agreement, n_examples: int) -> float:
    """What it loses, as a share of what it may; above 1 `check_parity` refuses."""
    return max(
        (parent.auc - one.auc) / MAX_AUC_LOSS,
        (parent.accuracy - one.accuracy) / max_accuracy_loss(n_examples),
    )


def _of_runtime(one: _Agreement, n_examples: int) -> RuntimeParity:
    format_ = RUNTIMES[one.runtime][1]
    return RuntimeParity(one.runtime, format_, n_examples, one.max_difference, one.calls_agree)


def _check_comparable(
    float_logits: F32Array,
    runtimes: Mapping[str, F32Array],
    truth: np.ndarray,
    threshold_logit: float | None,
) -> None:
    unknown = sorted(set(runtimes) - set(RUNTIMES))
    if unknown or not runtimes:
        raise ConfigError(f"runtimes are {unknown or 'none'}; known: {', '.join(RUNTIMES)}")
    if (float_logits.ndim == 1) != (threshold_logit is not None):
        raise ConfigError(
            f"logits of shape {float_logits.shape} are called at {threshold_logit}; (N,) of two "
            "labels need a threshold, (N,K) have none"
        )
    for name, logits in {"float": float_logits, **runtimes}.items():
        if logits.shape != float_logits.shape or len(logits) != len(truth):
            raise DataError(
                f"{name} gave logits of shape {logits.shape} for {len(truth)} examples, float "
                f"{float_logits.shape}; score the same examples with both"
            )
        if not np.isfinite(logits).all():
            raise DataError(f"{name} gave logits that are no numbers; nothing can be compared")
    n_labels = 2 if float_logits.ndim == 1 else float_logits.shape[1]
    if absent := sorted(set(range(n_labels)) - set(truth.tolist())):
        raise DataError(f"none of {len(truth)} examples has label {absent}; AUC needs each")
