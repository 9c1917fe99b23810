"""`compress run` of an enhancer: from its fit to files that ship, measured on held-out cells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from compress.representative import Representatives, choose_representatives
from compress.run import COMPRESSED, Settings
from compress.superres.aware import tune_aware
from compress.superres.equalise import equalise
from compress.superres.export import TileNetwork, describe_tflite, int8_tflite, tile_network
from compress.superres.figures import evaluations_of
from compress.superres.onnx_files import describe_onnx, float_onnx, int8_onnx
from compress.superres.parity import (
    Compared,
    agreements_of,
    check_agreements,
    compare,
    manifest_parity,
)
from compress.superres.recipe import EnhancerLab, load_enhancer_lab
from compress.superres.record import CompressedEnhancer, write_enhancer
from compress.superres.systems import first_tile, float_run
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import Enhancer, Weights
from edge.contract.types import U8Array
from train.datasets.nih_cells import LABELS
from train.models.start_weights import KEPT_DIR, WEIGHTS_FILE
from train.models.superres import FACTOR
from train.superres.degrade import degrade
from train.superres.evaluate import load_pairs
from train.superres.fit import fit_enhancer
from train.superres.networks import load_enhancer, read_enhancer_recipe
from train.superres.pairs import HighRes, Patches, load_fields, load_high_res
from train.superres.recipe import NEAR_LOSSLESS, EnhancerRecipe, load_enhancer_recipe

RECORDS = KEPT_DIR / "superres" / "runs"


@dataclass(frozen=True, eq=False)
class EnhancerFit:
    """A finished fit at work in the lab; what is loaded is loaded once.

    Attributes:
        lab: what is made of it.
        folder: of the fit.
    """

    lab: EnhancerLab
    folder: Path
    recipe: EnhancerRecipe
    model: Any
    data: Path | None = None

    @cached_property
    def representatives(self) -> Representatives:
        """Cells of training patients that set the ranges."""
        cells = load_high_res(self.recipe, "train", self.data, (NEAR_LOSSLESS,))
        return choose_representatives(cells, LABELS, self.recipe.seed, self.lab.per_class)

    @cached_property
    def tiles(self) -> U8Array:
        """(N,T,T,3) uint8 RGB of them, made worse as in the fit."""
        cells: Sequence[HighRes] = self.representatives.examples
        rng = np.random.default_rng(self.recipe.seed)
        lows = [degrade(cell.image, self.recipe.degrade, rng) for cell in cells]
        return np.stack([first_tile(low, self.lab.tile_px, self.lab.margin_px) for low in lows])

    @cached_property
    def parent(self) -> str:
        """SHA-256 of the fit's weights."""
        return hashlib.sha256((self.folder / WEIGHTS_FILE).read_bytes()).hexdigest()

    def network(self) -> TileNetwork:
        """As it was fitted, for tiles."""
        return tile_network(self.recipe, self.model, self.lab.tile_px)

    def tuned_network(self) -> TileNetwork:
        """As it ships: channels of one range, trained on with fake quantisation if asked for."""
        sideless = tile_network(self.recipe, self.model, None)
        equalise(sideless, self.tiles)
        if self.lab.aware is not None:
            pictures = load_high_res(self.recipe, "train", self.data)
            pictures += load_fields(self.recipe, self.data)
            patches = Patches(pictures, self.recipe)
            tune_aware(sideless, patches, self.tiles, self.recipe, self.lab.aware)
        network = self.network()
        network.model.set_weights(sideless.model.get_weights())
        return network

    def make_files(self) -> list[tuple[Weights, bytes]]:
        """INT8 TFLite and ONNX, with their entries.

        Raises:
            DataError: an operation stays in float, named, or TFLite's file is over the budget.
        """
        network = self.tuned_network()
        tflite = self.make_tflite(network)
        if len(tflite[1]) > self.lab.max_bytes:
            raise DataError(
                f"{self.lab.enhancer} as full INT8 has {len(tflite[1]):,} bytes, over its budget "
                f"of {self.lab.max_bytes:,}; make the network smaller, or raise max_bytes"
            )
        return [tflite, self.make_onnx(network)]

    def make_tflite(self, network: TileNetwork) -> tuple[Weights, bytes]:
        """Full INT8 TFLite. Raises DataError where an operation stays in float."""
        content, file = int8_tflite(network, self.tiles), f"{self.recipe.task}.int8.tflite"
        return describe_tflite(content, network.output, file=file, parent=self.parent), content

    def make_onnx(self, network: TileNetwork) -> tuple[Weights, bytes]:
        """INT8 ONNX. Raises DataError where an operation stays in float."""
        content = int8_onnx(float_onnx(network), self.tiles)
        file = f"{self.recipe.task}.int8.onnx"
        return describe_onnx(content, file=file, parent=self.parent), content

    def compare(self, files: Sequence[tuple[Weights, bytes]]) -> list[Compared]:
        """Float, and every file on every runtime, on each set of pairs of the lab."""
        parent = float_run(self.network())
        tile_px, margin_px = self.lab.tile_px, self.lab.margin_px
        return [
            compare(
                name,
                load_pairs(name, self.recipe, self.data),
                parent,
                files,
                tile_px,
                margin_px,
            )
            for name in self.lab.pairs
        ]


def run_enhancer(name_or_path: str, settings: Settings) -> Path:
    """All of it; a stopped fit goes on, the rest takes minutes and is made again.

    Args:
        name_or_path: a recipe of the lab, of this kind.

    Returns:
        The folder that `compress pack` takes.

    Raises:
        ConfigError: no such recipe, a fit that is not to ship, or a folder of another one.
        DataError: INT8 loses too much, an operation is not quantised, or a file is too large.
    """
    lab = load_enhancer_lab(name_or_path)
    fit = open_fit(lab, settings)
    settings.tell(f"{lab.enhancer}: files")
    files = fit.make_files()
    settings.tell(f"{lab.enhancer}: {', '.join(lab.pairs)}")
    compared = fit.compare(files)
    agreements = tuple(one for each in compared for one in agreements_of(each))
    check_agreements(agreements)
    folder = settings.out / COMPRESSED / Path(lab.enhancer).stem
    folder.mkdir(parents=True, exist_ok=True)
    for entry, content in files:
        (folder / entry.file).write_bytes(content)
    fit.representatives.write_ids(folder / "representative_ids.txt")
    record = CompressedEnhancer(
        fit.recipe,
        lab.aware is not None,
        tuple(entry for entry, _ in files),
        Enhancer(FACTOR, lab.tile_px, lab.margin_px, manifest_parity(compared[0])),
        agreements,
        tuple(entry for each in compared for entry in evaluations_of(each, fit.recipe)),
        fit.representatives.describe(),
    )
    write_enhancer(folder, record)
    return folder


def open_fit(lab: EnhancerLab, settings: Settings) -> EnhancerFit:
    """The lab's fit, made or gone on with where it is not finished.

    Raises:
        ConfigError: it has seen held-out patients or one class alone; or the record that keeps it
            is of another recipe.
    """
    wanted, name = load_enhancer_recipe(lab.enhancer), Path(lab.enhancer).stem
    if wanted.parts != ("train",) or wanted.label >= 0:
        raise ConfigError(
            f"{lab.enhancer} is fitted on {', '.join(wanted.parts)}, label {wanted.label}; what "
            "ships has seen both classes of training patients, and no one else"
        )
    folder = settings.out / name
    if settings.kept and (RECORDS / name / WEIGHTS_FILE).is_file():
        folder = RECORDS / name
        if read_enhancer_recipe(folder) != wanted:
            raise ConfigError(
                f"{folder} keeps a fit of another recipe than {lab.enhancer} is now; fit it again, "
                "without --kept"
            )
    elif not (folder / WEIGHTS_FILE).is_file() or read_enhancer_recipe(folder) != wanted:
        settings.tell(f"{lab.enhancer}: fitting {wanted.fit.epochs} epochs")
        fit_enhancer(wanted, folder, data=settings.data)
    recipe, model = load_enhancer(folder)
    return EnhancerFit(lab, folder, recipe, model, settings.data)
