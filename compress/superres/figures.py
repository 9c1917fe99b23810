"""Figures of an enhancer for manifests and for a person, with intervals over patients."""

from __future__ import annotations

import numpy as np

from compress.superres.parity import Compared
from edge.contract.manifest import Evaluation
from train.bootstrap import Figure
from train.evaluate import as_metric
from train.superres.evaluate import PAIR_SETS
from train.superres.measured import PLACES, Measured
from train.superres.recipe import EnhancerRecipe

# What is said of it: of the runtime that a device tries first.
SHOWN_RUNTIME = "litert"
PLACE_WORDS = {"whole": "whole picture", "inside": "inside the cell"}


def figures_of(measured: Measured, system: str, place: str) -> dict[str, Figure]:
    """PSNR, its gain over bicubic and SSIM, RGB; empty where no image has that place."""
    found = {
        "psnr_db": measured.mean(measured.column(system, place, "psnr_rgb")),
        "psnr_gain_db": measured.mean(measured.gain(system, place, "psnr_rgb")),
        "ssim": measured.mean(measured.column(system, place, "ssim_rgb")),
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def evaluations_of(compared: Compared, recipe: EnhancerRecipe) -> list[Evaluation]:
    """The manifest's entries, one a place."""
    measured, fold = compared.measured, recipe.held_out_fold
    of_fields = PAIR_SETS[compared.name].of_fields
    where = "another microscope" if of_fields else f"held-out fold {fold}"
    command = f"clinicscope compress evaluate BUNDLE --role enhancer --dataset {compared.name}"
    found = []
    for place in PLACES:
        figures = figures_of(measured, SHOWN_RUNTIME, place)
        if figures:
            n_images = int(np.isfinite(measured.column(SHOWN_RUNTIME, place, "psnr_rgb")).sum())
            found.append(
                Evaluation(
                    dataset=compared.name,
                    role=f"enhancer, {where}, INT8, {PLACE_WORDS[place]}",
                    labels="raw",
                    n_patients=figures["psnr_db"].n_groups,
                    n_slides=figures["psnr_db"].n_groups,
                    n_cells=n_images,
                    metrics={name: as_metric(figure) for name, figure in figures.items()},
                    command=command if of_fields else f"{command} --fold {fold}",
                )
            )
    return found
