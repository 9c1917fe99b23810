"""Fitting one network: the loop, its log, and resuming to the same result after a kill.

A run folder holds `recipe.json`, `split.json`, `log.csv`, `checkpoint/` and, once done,
`model.weights.h5` and `held_out.npz` (the scores of the held-out part). An epoch's batches and
augmentation depend on (seed, epoch) alone, and the learning rate on the log, so a resumed fit sees
what an undisturbed one would have seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError
from edge.contract.records import to_plain
from train.batches import predict_logits
from train.corrections import (
    SOURCE,
    Exports,
    claim_corrections,
    read_corrections,
    write_run_corrections,
)
from train.corrections_joined import reading_of
from train.loop import Loop, check_finite
from train.networks import WEIGHTS_FILE, build_to_fit, mix_with_start
from train.objectives import own_logit
from train.parts import FitData, load_fit_data, n_classes_of
from train.recipe import Recipe
from train.run_folder import check_replicas, claim, holds, writing
from train.scores import Scores, write_scores
from train.team import ALONE, Team

SCORES_FILE = "held_out.npz"


def fit(
    recipe: Recipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    corrections: Sequence[Path] = (),
    on_epoch: Callable[[dict[str, float]], None] = lambda _row: None,
    team: Team = ALONE,
) -> Path:
    """Fits the recipe's network, or goes on where an earlier call stopped.

    Args:
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        corrections: folders of exports whose crops join the part that is fitted on.
        on_epoch: called with each row of the log.
        team: the workers that fit it together, each of which calls this; the first writes.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: the folder holds a run of another recipe or of other corrections, weights of
            another network, or a run that so many workers did not begin; a data set of one label; a
            share of a start that there is none of; or draws of corrections that are not given.
        DataError: a split leaks, an image is unreadable, the loss is not finite, or the disk is
            full; what was written before stays and a later call goes on from it.
    """
    _check(recipe, corrections)
    exports = read_corrections(corrections)
    if team.keeps:
        with writing(run_dir):
            claim_corrections(run_dir, recipe, exports)
        claim(run_dir, recipe)
        check_replicas(run_dir, team.size)
    given = _given(recipe, run_dir, data, exports, team)
    model = _fitted(recipe, run_dir, given, on_epoch, team)
    if team.keeps:
        _keep(recipe, run_dir, model, given)
    return run_dir / WEIGHTS_FILE


def is_finished(
    recipe: Recipe, run_dir: Path, exports: Exports | None = None, replicas: int = 1
) -> bool:
    """Whether the folder holds this fit whole.

    Raises:
        ConfigError: it holds a run of another recipe, of other corrections, or by another number
            of workers.
    """
    # Scores are written last.
    if not (holds(run_dir, recipe) and (run_dir / SCORES_FILE).is_file()):
        return False
    claim_corrections(run_dir, recipe, exports)
    check_replicas(run_dir, replicas)
    return True


def _check(recipe: Recipe, corrections: Sequence[Path]) -> None:
    if recipe.context:
        raise ConfigError(f"context is {recipe.context!r}, which `train context` sets, not a fit")
    if recipe.start_share and not recipe.model.weights:
        raise ConfigError("start_share needs model.weights, which the fit starts from")
    n_classes_of(recipe.dataset)
    if SOURCE in recipe.draws and not corrections:
        raise ConfigError(f"draws has {SOURCE!r}, and no --corrections are given; give them")
    if corrections:
        reading_of(recipe)


def _given(
    recipe: Recipe, run_dir: Path, data: Path | None, exports: Exports | None, team: Team
) -> FitData:
    with writing(run_dir):
        given = load_fit_data(recipe, run_dir.parent / "cache", data, exports)
        if team.keeps and given.corrections is not None:
            write_run_corrections(run_dir, given.corrections)
        if team.keeps:
            (run_dir / "split.json").write_text(json.dumps(to_plain(given.split)) + "\n")
    return given


def _fitted(
    recipe: Recipe,
    run_dir: Path,
    given: FitData,
    on_epoch: Callable[[dict[str, float]], None],
    team: Team,
) -> Any:
    n_classes, taught = n_classes_of(recipe.dataset), given.fitted.taught
    with team.scope():
        model = build_to_fit(recipe, n_classes, run_dir)
    n_features = taught[1].shape[1] if len(taught) > 1 else 0
    loop = Loop(recipe, run_dir, model, n_classes, n_features, team)
    loop.run(given.fitted, given.validation, on_epoch)
    return loop.kept()


def _keep(recipe: Recipe, run_dir: Path, model: Any, given: FitData) -> None:
    """Writes the weights, and the scores of the held-out part."""
    mix_with_start(model, recipe, n_classes_of(recipe.dataset), run_dir)
    examples, crops = given.part("test")
    logit = predict_logits(model, crops, recipe.preprocessing.scale, recipe.test_views)
    logit = own_logit(recipe, logit)
    check_finite(logit, "held-out part")
    with writing(run_dir):
        model.save_weights(run_dir / "partial.weights.h5")
        (run_dir / "partial.weights.h5").replace(run_dir / WEIGHTS_FILE)
        write_scores(run_dir / SCORES_FILE, Scores.of(examples, logit))
