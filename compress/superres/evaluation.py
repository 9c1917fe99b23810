"""Enhancers of bundles on pairs of pictures, beside bicubic: also on pairs never fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compress.superres.export import ROLE
from compress.superres.figures import PLACE_WORDS, figures_of
from compress.superres.systems import open_file, tiled
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError
from train.bootstrap import Figure
from train.superres.evaluate import PAIR_SETS, evaluate, load_pairs
from train.superres.measured import BASE
from train.superres.networks import INTERPOLATIONS, Enlarge
from train.superres.recipe import load_enhancer_recipe

# What says how pairs are drawn; only its fold is asked for here.
_RECIPE = "malaria-superres"


def evaluate_bundles(
    paths: Sequence[Path], pairs: str, *, fold: int | None = None, data: Path | None = None
) -> dict[str, dict[str, dict[str, Figure]]]:
    """Figures by system, place and name; bicubic first.

    Args:
        paths: bundles of enhancers; every format in them is measured.
        pairs: key of `PAIR_SETS`.
        fold: of cells, whose held-out patients are measured; fields have none.

    Raises:
        ConfigError: no such pairs, a bundle without an enhancer, or no fold of cells.
        BundleError: the bundle is broken.
    """
    if pairs not in PAIR_SETS:
        raise ConfigError(f"no pairs {pairs!r}; known: {', '.join(PAIR_SETS)}")
    if (fold is None) != PAIR_SETS[pairs].of_fields:
        raise ConfigError(
            f"{pairs} and fold {fold}: cells need the --fold that was held out of the fit, fields "
            "have none"
        )
    systems = {BASE: INTERPOLATIONS[BASE]}
    for path in paths:
        systems |= _systems_of(path)
    recipe = load_enhancer_recipe(_RECIPE, {"held_out_fold": fold})
    measured = evaluate(systems, load_pairs(pairs, recipe, data))
    return {
        name: {
            words: figures
            for place, words in PLACE_WORDS.items()
            if (figures := figures_of(measured, name, place))
        }
        for name in systems
    }


def _systems_of(path: Path) -> dict[str, Enlarge]:
    bundle = open_bundle(path)
    section = bundle.manifest.enhancer
    if section is None:
        raise ConfigError(f"{path} has no {ROLE} network; give another --role or bundle")
    return {
        f"{path} {weights.format}": tiled(
            open_file(weights, bundle.weights_bytes(weights)).enlarge,
            section.tile_px,
            section.margin_px,
        )
        for weights in bundle.manifest.weights
    }
