"""What each light network costs in each form, beside what it restores: `speed.json`.

All are timed in one run, in turns and on one thread, from bytes of a 128 px square to bytes of 256:
copies in and out of the runtime and the flips of the top bit count, as a device pays them. The
yardstick is OpenCV's bicubic.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from compress.superres.export import float_tflite
from compress.superres.float_files import run_float_onnx, run_float_tflite
from compress.superres.onnx_files import float_onnx
from compress.superres.recipe import PER_CLASS, EnhancerLab
from compress.superres.run import EnhancerFit
from compress.superres.systems import RunTiles, open_file, tiled
from edge.bench.turns import interleave
from edge.contract.bundle import MANIFEST, open_bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array
from train.costs import machine_name
from train.superres.evaluate import Pair, evaluate, load_pairs
from train.superres.measured import BASE, Measured
from train.superres.networks import INTERPOLATIONS, load_enhancer
from train.superres.speed import Speed, TimedSystem

log = logging.getLogger(__name__)

TILE_PX, MARGIN_PX = 128, 8
PAIRS = "nih-cells"
YARDSTICK = f"OpenCV bicubic, {TILE_PX}x{TILE_PX} to {2 * TILE_PX}x{2 * TILE_PX} RGB, one thread"
_TIMED_INTERPOLATIONS = (BASE, "lanczos")


@dataclass(frozen=True, eq=False)
class Candidate:
    """One file of one network, or interpolation.

    Attributes:
        form: as `TimedSystem.format` says it.
        bytes: of the file; 0 for interpolation.
        run: (N,T,T,3) to (N,2T,2T,3) uint8.
    """

    name: str
    form: str
    bytes: int
    run: RunTiles
    note: str = ""


def candidates_of(
    path: Path, data: Path | None = None, per_class: int = PER_CLASS
) -> list[Candidate]:
    """A bundle's files as they ship, or a run folder's network in every form that can be made.

    A form that cannot be made is logged and left out.

    Args:
        per_class: training cells of each class that set the ranges of a run's INT8.

    Raises:
        ConfigError: neither an enhancer's bundle nor a finished run, or a bundle of other tiles.
    """
    if path.suffix == ".zip" or (path / MANIFEST).is_file():
        return _of_bundle(path)
    return list(_of_run(path, data, per_class))


def _of_bundle(path: Path) -> list[Candidate]:
    bundle = open_bundle(path)
    manifest = bundle.manifest
    if manifest.enhancer is None or manifest.enhancer.tile_px != TILE_PX:
        raise ConfigError(f"{path} holds no enhancer of tiles of {TILE_PX} px; only those compare")
    return [
        Candidate(
            manifest.bundle_id,
            f"{weights.format} int8",
            weights.bytes,
            open_file(weights, bundle.weights_bytes(weights)).enlarge,
            "as it ships",
        )
        for weights in manifest.weights
    ]


def _of_run(path: Path, data: Path | None, per_class: int) -> Iterator[Candidate]:
    recipe, model = load_enhancer(path)
    lab = EnhancerLab(path.name, path.name, (PAIRS,), TILE_PX, MARGIN_PX, 1_000_000, per_class)
    fit = EnhancerFit(lab, path, recipe, model, data)
    network, note = fit.tuned_network(), "values in and out are turned to float and back"
    for form, make in (("tflite int8", fit.make_tflite), ("onnx int8", fit.make_onnx)):
        with _told(path.name, form):
            entry, content = make(network)
            run = open_file(entry, content).enlarge
            yield Candidate(path.name, form, len(content), run)
    with _told(path.name, "tflite float"):
        content = float_tflite(network)
        run = run_float_tflite(content, network.output)
        yield Candidate(path.name, "tflite float", len(content), run, note)
    with _told(path.name, "onnx float"):
        content = float_onnx(network)
        yield Candidate(
            path.name, "onnx float", len(content), run_float_onnx(content, network.output), note
        )


@contextmanager
def _told(name: str, form: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        log.warning("%s as %s is left out: %s", name, form, error)


def measure_speed(candidates: Sequence[Candidate], pairs: Sequence[Pair], runs: int) -> Speed:
    """Times interpolation and candidates in turns, and measures each on the pairs.

    Args:
        pairs: of native cells.
        runs: timed calls of each; blocks of them alternate, each after a warm-up of its own.
    """
    plain = [_interpolation(name) for name in _TIMED_INTERPOLATIONS]
    everyone = [*plain, *candidates]
    with _one_opencv_thread():
        square = np.random.default_rng(0).integers(0, 256, (1, TILE_PX, TILE_PX, 3))
        calls = [partial(one.run, square.astype(np.uint8)) for one in everyone]
        medians = 1000 * np.median(interleave(calls, runs), axis=0)
        systems = {_key(one): tiled(one.run, TILE_PX, MARGIN_PX) for one in everyone}
        # The yardstick of quality sees the whole picture, as without a network.
        systems |= {_key(one): INTERPOLATIONS[one.name] for one in plain}
        systems[BASE] = INTERPOLATIONS[BASE]
        measured = evaluate(systems, pairs)
    timed = (_row(*row, medians[0], measured) for row in zip(everyone, medians, strict=True))
    return Speed(machine_name(), YARDSTICK, round(float(medians[0]), 1), tuple(timed))


def load_speed_pairs(path: Path, data: Path | None) -> list[Pair]:
    """Native cells of the patients that a run folder held out."""
    return load_pairs(PAIRS, load_enhancer(path)[0], data)


def _interpolation(name: str) -> Candidate:
    enlarge = INTERPOLATIONS[name]

    def run(tiles: U8Array) -> U8Array:
        # One square is timed, and stacking it would copy.
        return enlarge(tiles[0])[None] if len(tiles) == 1 else np.stack(list(map(enlarge, tiles)))

    return Candidate(name, "", 0, run)


def _key(one: Candidate) -> str:
    return f"{one.name} {one.form}".strip()


def _row(one: Candidate, median: float, unit: float, measured: Measured) -> TimedSystem:
    gains = [measured.gain(_key(one), place, "psnr_rgb") for place in ("whole", "inside")]
    whole, inside = (round(float(np.nanmean(gain)), 4) for gain in gains)
    return TimedSystem(
        one.name,
        one.form,
        one.bytes,
        round(float(median), 1),
        round(float(median / unit), 3),
        whole,
        inside,
        one.note,
    )


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
