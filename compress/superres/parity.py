"""How far an enhancer's files are from float on each runtime, in dB, and the refusal to ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compress.parity import LEGACY, LEGACY_RUNTIME
from compress.superres.record import Agreement
from compress.superres.systems import (
    RunTiles,
    legacy_enlarged,
    open_file,
    replayed,
    tiled,
)
from edge.contract.errors import DataError
from edge.contract.manifest import EnhancerParity, EnhancerRuntimeParity, Weights
from edge.contract.types import U8Array
from edge.runtimes.base import RUNTIMES
from train.superres.evaluate import Pair, evaluate
from train.superres.measured import BASE, PLACES, Measured
from train.superres.networks import INTERPOLATIONS

# What quantisation may cost, at any place of any set of pairs.
MAX_LOSS_DB = 0.2
FLOAT = "float"


@dataclass(frozen=True, eq=False)
class Compared:
    """One set of pairs under bicubic, float and every runtime.

    Attributes:
        name: key of `PAIR_SETS`.
        measured: its systems are `BASE`, `FLOAT` and names of runtimes.
        furthest: of each runtime, the largest difference from float in grey levels.
    """

    name: str
    measured: Measured
    furthest: dict[str, int]

    @property
    def runtimes(self) -> tuple[str, ...]:
        """In the order that they were measured in."""
        return tuple(self.furthest)

    def psnr(self, system: str, place: str) -> float:
        """Mean over images in dB, RGB; NaN where no image has that place."""
        column = self.measured.column(system, place, "psnr_rgb")
        column = column[np.isfinite(column)]
        return round(float(column.mean()), 4) if len(column) else float("nan")


def compare(
    name: str,
    pairs: Sequence[Pair],
    network: RunTiles,
    files: Sequence[tuple[Weights, bytes]],
    tile_px: int,
    margin_px: int,
    legacy: Path = LEGACY,
) -> Compared:
    """Measures float and each file on each of its runtimes on the same pairs, in the same tiles.

    Args:
        network: the float parent, by tiles.
        files: entries of the manifest with the files' content, one a format.
        legacy: environment of tflite-runtime; where it is missing, that is not measured.

    Raises:
        RuntimeUnavailableError: LiteRT or ONNX Runtime refuses its file.
        DataError: no pairs, or tflite-runtime is there, but fails.
    """
    if not pairs:
        raise DataError(f"{name} holds no pair; check --data and the fold")
    lows = [pair.low for pair in pairs]
    parent = tiled(network, tile_px, margin_px)
    made = {FLOAT: [parent(low) for low in lows]}
    for weights, content in files:
        made |= _made_by_runtimes(weights, content, lows, tile_px, margin_px, legacy)
    systems = {BASE: INTERPOLATIONS[BASE]} | {key: replayed(own) for key, own in made.items()}
    return Compared(
        name,
        evaluate(systems, pairs),
        {key: _furthest(made[FLOAT], own) for key, own in made.items() if key != FLOAT},
    )


def _made_by_runtimes(
    weights: Weights,
    content: bytes,
    lows: Sequence[U8Array],
    tile_px: int,
    margin_px: int,
    legacy: Path,
) -> dict[str, list[U8Array]]:
    runtime = open_file(weights, content)
    enlarge = tiled(runtime.enlarge, tile_px, margin_px)
    found = {runtime.name: [enlarge(low) for low in lows]}
    runtime.close()
    if weights.format == "tflite":
        own = legacy_enlarged(content, weights, lows, tile_px, margin_px, legacy)
        found |= {LEGACY_RUNTIME: own} if own is not None else {}
    return found


def _furthest(expected: Sequence[U8Array], found: Sequence[U8Array]) -> int:
    return max(
        int(np.abs(a.astype(np.int16) - b).max()) for a, b in zip(expected, found, strict=True)
    )


def agreements_of(compared: Compared) -> list[Agreement]:
    """One a runtime and place; fields have no mask, and so no inside."""
    return [
        Agreement(
            compared.name,
            place,
            runtime,
            len(compared.measured.name),
            compared.psnr(FLOAT, place),
            compared.psnr(runtime, place),
        )
        for place in PLACES
        if np.isfinite(compared.psnr(FLOAT, place))
        for runtime in compared.runtimes
    ]


def check_agreements(agreements: Sequence[Agreement]) -> None:
    """Raises DataError where INT8 loses more than a bundle may, and says where."""
    if not agreements:
        raise DataError("INT8 was compared with float nowhere; run `compress run` again")
    # Written so that a figure which is no number is refused, too.
    lost = [one for one in agreements if not _loss(one) <= MAX_LOSS_DB]
    if lost:
        worst = max(lost, key=_loss)
        raise DataError(
            f"INT8 loses {_loss(worst):.2f} dB (at most {MAX_LOSS_DB}) against float on "
            f"{worst.runtime}, {worst.pairs}, {worst.place}: {worst.psnr_int8_db:.2f} of "
            f"{worst.psnr_float_db:.2f} dB over {worst.n_images:,} images; use a larger "
            "representative set, or train with quantisation ([aware])"
        )


def _loss(one: Agreement) -> float:
    return round(one.psnr_float_db - one.psnr_int8_db, 4)


def manifest_parity(compared: Compared) -> EnhancerParity:
    """Of whole crops; `psnr_int8_db` is of the runtime that loses most, which is named first."""
    of_runtime = [
        EnhancerRuntimeParity(
            name, RUNTIMES[name][1], compared.psnr(name, "whole"), float(compared.furthest[name])
        )
        for name in compared.runtimes
    ]
    of_runtime.sort(key=lambda one: one.psnr_db)
    return EnhancerParity(
        len(compared.measured.name),
        compared.psnr(FLOAT, "whole"),
        of_runtime[0].psnr_db,
        compared.psnr(BASE, "whole"),
        tuple(of_runtime),
    )
