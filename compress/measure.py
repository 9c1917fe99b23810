"""One row a variant: what it weighs, how well it does on held-out examples, how fast it is.

Variants and peers go through the same code in the same run; they are timed in turns by the
timer of `edge.bench.turns`, so that whatever else the machine does slows all of them alike.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from compress.kernels import cost_of_kernels, kernels_of, sparsity
from compress.memory import peak_memory_mb
from compress.opened import Opened, open_model
from compress.paired import Compared, HeldOut, compare
from compress.peers import Peer
from compress.variants import Variant
from edge.bench.turns import interleave
from edge.contract.errors import ConfigError
from edge.contract.types import F32Array, U8Array
from train.bootstrap import RESAMPLES, Figure
from train.models.cost import Cost

log = logging.getLogger(__name__)

BATCHES = (1, 32)
TIMED_RUNS = 300


@dataclass(frozen=True)
class Latency:
    """Milliseconds an image, one thread: median, and what 95 % of the calls stay below."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class VariantRow:
    """All figures of one variant or peer.

    Attributes:
        zipped_bytes: deflated at level 9, as a bundle's zip holds it.
        parameters: learnt values.
        macs: multiply-accumulates of one image.
        sparsity: share of zero weights in the kernels of convolutions; None without any.
        threshold: that the accuracy was taken at; None where folds differ, or the likeliest of
            more than two classes is called.
        auc: macro for more than two classes.
        auc_difference: to the reference; None for the reference itself.
        batch_1, batch_32: time an image at that batch size.
        peak_mb: megabytes that a process needs beyond its runtime, at batch 32; None where the
            system does not tell.
    """

    name: str
    format: str
    bytes: int
    zipped_bytes: int
    parameters: int
    macs: int
    sparsity: float | None
    threshold: float | None
    auc: Figure
    accuracy: Figure
    auc_difference: Figure | None
    accuracy_difference: Figure | None
    batch_1: Latency
    batch_32: Latency
    peak_mb: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured: a file, and its scores on all held-out examples.

    Attributes:
        held_out: pooled over folds; the file is one of theirs.
        size_px: side of its input.
        scale: from uint8 to the range that it was trained in.
        cost: of the Keras model that it was made of; None: counted in the file.
    """

    name: str
    format: str
    content: bytes
    held_out: HeldOut
    size_px: int
    scale: float = 1 / 255
    cost: Cost | None = None
    note: str = ""


def score_variant(variant: Variant, crops: U8Array, scale: float) -> F32Array:
    """Logits of prepared crops, (N,) of the positive label, or (N,K) for more than two classes.

    Args:
        crops: (N,S,S,3) uint8 RGB.
        scale: of the recipe's preprocessing.

    Raises:
        DataError: the file cannot be opened.
    """
    values = open_model(variant.format, variant.content, variant.name).score(crops, scale)
    return values[:, 0] if values.shape[1] == 1 else values


def variant_subject(
    variant: Variant,
    held_out: HeldOut,
    size_px: int,
    scale: float = 1 / 255,
    cost: Cost | None = None,
) -> Subject:
    """A variant as what is measured."""
    return Subject(
        variant.name, variant.format, variant.content, held_out, size_px, scale, cost, variant.note
    )


def peer_subject(peer: Peer, held_out: HeldOut) -> Subject:
    """A peer as what is measured."""
    spec = peer.spec
    return Subject(
        spec.name,
        "tflite",
        peer.content,
        held_out,
        spec.size_px,
        spec.preprocessing.scale,
        note=spec.note,
    )


def measure(
    subjects: Sequence[Subject],
    reference: str,
    *,
    runs: int = TIMED_RUNS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[VariantRow, ...]:
    """Measures all of them in one run.

    Args:
        subjects: variants and peers.
        reference: name of the subject that differences are taken to: the float parent.
        runs: timed calls of each at each batch size.
        resamples, seed: of the bootstrap over patients.

    Raises:
        ConfigError: two subjects of one name, or none is the reference.
        DataError: a file cannot be opened, or scores are not of the same examples.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names) or reference not in names:
        raise ConfigError(
            f"the reference is {reference!r}, and what is measured is named {names}; give every "
            "one another name, the reference among them"
        )
    compared = compare(
        [subject.held_out for subject in subjects], names.index(reference), resamples, seed
    )
    times = time_in_turns(subjects, runs)
    return tuple(
        _row(subject, figures, *latencies)
        for subject, figures, latencies in zip(subjects, compared, times, strict=True)
    )


def time_in_turns(subjects: Sequence[Subject], runs: int) -> list[tuple[Latency, ...]]:
    """For each subject its time an image at each of BATCHES; inputs are ready before the clock."""
    opened = [open_model(one.format, one.content, one.name) for one in subjects]
    by_batch = [_time_batch(subjects, opened, batch, runs) for batch in BATCHES]
    return list(zip(*by_batch, strict=True))


def _time_batch(
    subjects: Sequence[Subject], opened: Sequence[Opened], batch: int, runs: int
) -> list[Latency]:
    log.info("timing %d models at batch %d", len(subjects), batch)
    rng = np.random.default_rng(0)
    calls = []
    for one, model in zip(subjects, opened, strict=True):
        crops = rng.integers(0, 256, (batch, one.size_px, one.size_px, 3)).astype(np.uint8)
        calls.append(partial(model.invoke, model.prepare(crops, one.scale)))
    taken = interleave(calls, runs) / batch
    halves, slow = np.percentile(taken, (50, 95), axis=0)
    return [
        Latency(round(float(half), 5), round(float(most), 5))
        for half, most in zip(halves, slow, strict=True)
    ]


def _row(subject: Subject, figures: Compared, batch_1: Latency, batch_32: Latency) -> VariantRow:
    kernels = kernels_of(subject.format, subject.content, subject.name)
    cost = subject.cost or cost_of_kernels(kernels)
    zeros, threshold = sparsity(kernels), subject.held_out.threshold
    binary = subject.held_out.scores.logit.ndim == 1
    return VariantRow(
        subject.name,
        subject.format,
        len(subject.content),
        len(zlib.compress(subject.content, 9)),
        cost.parameters,
        cost.macs,
        None if zeros is None else round(zeros, 4),
        float(threshold) if binary and isinstance(threshold, int | float) else None,
        *(_rounded(figure) for figure in (figures.auc, figures.accuracy)),
        figures.auc_difference and _rounded(figures.auc_difference),
        figures.accuracy_difference and _rounded(figures.accuracy_difference),
        batch_1,
        batch_32,
        peak_memory_mb(subject.format, subject.content, subject.size_px, subject.name),
        subject.note,
    )


def _rounded(figure: Figure) -> Figure:
    values = {key: round(getattr(figure, key), 5) for key in ("value", "ci_low", "ci_high")}
    return replace(figure, **values)
