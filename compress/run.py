"""`compress run`: a task's fits to every variant, the table of them, and the bundle that ships."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from compress.compressed import Compressed, write_compressed
from compress.export_onnx import describe_onnx
from compress.fits import Fit, fit_all, lab_of_run
from compress.lab_recipe import FLOAT, LabRecipe, load_lab_recipe
from compress.layer_errors import layer_errors
from compress.measure import Subject, measure, peer_subject, variant_subject
from compress.novelty import NoveltyLab, choose_novelty_points, evaluate_novelty
from compress.paired import HeldOut, pool_at_own_thresholds
from compress.parity import check_parity, measure_parity, score_runtimes
from compress.peers import open_peers
from compress.points import Points, check_left_out, choose_points, evaluate_shipped, of_part
from compress.quantise import describe_weights
from compress.tables import TABLE_FILE, LayerErrors, VariantTable, write_table
from compress.variant_files import FoldLab, Made
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import Evaluation, Weights
from edge.engine import EngineSettings, open_engine
from train.corrections import read_run_corrections
from train.costs import machine_name
from train.datasets.base import Example, labels_of
from train.objectives import own_logit
from train.recipe import load_recipe

log = logging.getLogger(__name__)
COMPRESSED = "compressed"
INT8 = "int8"


@dataclass(frozen=True)
class Settings:
    """What a call asks for besides the recipe.

    Attributes:
        out: folder of everything that is made.
        data: folder of data sets; None reads CLINICSCOPE_DATA.
        peers: folder of models that are measured beside; None leaves them out.
        kept: take fits from the records that keep them.
        command: as the table prints it.
        timed_runs: of each variant at each batch size.
        corrections: folders of exports that the student learns from.
        engine: that makes the fits of the folds.
        cpus: threads of each of these; None is 1 on Ray, and else all, in this process.
    """

    out: Path
    data: Path | None = None
    peers: Path | None = None
    kept: bool = False
    command: str = ""
    timed_runs: int = 300
    corrections: tuple[Path, ...] = ()
    engine: EngineSettings = field(default_factory=EngineSettings)
    cpus: int | None = None
    tell: Callable[[str], None] = lambda _text: None


def run_task(task_or_run: str, settings: Settings) -> Path:
    """All of it; what a stopped call has made is not made again.

    Args:
        task_or_run: a recipe of `compress/recipes`, a .toml file, or a run folder of `train fit`.

    Returns:
        The folder that `compress pack` takes.

    Raises:
        ConfigError: no such task or run, a fit that leaves nothing to choose thresholds on, or
            corrections for a run that is fitted.
        DataError: parity fails, an operation is not quantised, or a model is over its budget.
    """
    if (Path(task_or_run) / "recipe.json").is_file():
        if settings.corrections:
            raise ConfigError(
                f"{task_or_run} is fitted already; give --corrections to `train fit`, whose run "
                "says what it learned from"
            )
        lab, fits = lab_of_run(Path(task_or_run))
        folder = settings.out
    else:
        lab = load_lab_recipe(task_or_run)
        check_left_out(lab, load_recipe(lab.student))
        folder = settings.out / COMPRESSED / Path(lab.student).stem
        fits = _fits(lab, settings)
    run_lab(lab, fits, settings, folder)
    return folder


def _fits(lab: LabRecipe, settings: Settings) -> list[Fit]:
    here = settings.engine.name == "local" and settings.cpus is None
    with nullcontext() if here else open_engine(settings.engine) as engine:
        return fit_all(
            lab,
            settings.out,
            kept=settings.kept,
            data=settings.data,
            corrections=settings.corrections,
            engine=engine,
            cpus=settings.cpus or 1,
            tell=settings.tell,
        )


def run_lab(lab: LabRecipe, fits: Sequence[Fit], settings: Settings, folder: Path) -> None:
    """As `run_task`, of fits that are there; what ships and the table go into `folder`."""
    check_left_out(lab, fits[0].recipe)
    # A fold's lab holds its crops in memory: one at a time.
    made = {
        one.recipe.held_out_fold: {
            found.name: found for found in _fold_lab(lab, one, settings).make_all()
        }
        for one in fits
    }
    (shipping,) = [one for one in fits if one.recipe.held_out_fold == lab.ships]
    fold = _fold_lab(lab, shipping, settings)
    write_shipped(lab, fold, made, folder)
    write_table(folder / TABLE_FILE, _table(lab, fold, made, settings))


def _fold_lab(lab: LabRecipe, one: Fit, settings: Settings) -> FoldLab:
    kind = FoldLab if one.recipe.novelty is None else NoveltyLab
    return kind(lab, one, settings.out, settings.data, settings.tell)


def write_shipped(
    lab: LabRecipe, fold: FoldLab, made: dict[int, dict[str, Made]], folder: Path
) -> None:
    """The files that ship, their record and the ids of the representative set.

    Raises:
        DataError: parity fails, or the file is over the budget; nothing is written.
    """
    own = made[lab.ships]
    shipped = own[lab.tflite]
    _check_size(lab, shipped)
    points = _choose(lab, fold, made)
    threshold = points.novelty.threshold if points.novelty else points.single_threshold
    names = [lab.tflite, lab.onnx] if lab.onnx else [lab.tflite]
    files = [(_describe(fold, own[name]), own[name].variant.content) for name in names]
    parity = measure_parity(
        _float_logits(lab, fold, own),
        {
            name: own_logit(fold.fit.recipe, logits)
            for name, logits in score_runtimes(files, fold.given.part("test", lab.part)[1]).items()
        },
        np.array([example.label for example in fold.given.part("test", lab.part)[0]]),
        None if threshold is None else math.log(threshold / (1 - threshold)),
    )
    check_parity(parity, of_novelty=points.novelty is not None)
    folder.mkdir(parents=True, exist_ok=True)
    for entry, content in files:
        (folder / entry.file).write_bytes(content)
    fold.representatives.write_ids(folder / "representative_ids.txt")
    record = Compressed(
        recipe=fold.fit.recipe,
        weights=tuple(entry for entry, _ in files),
        variants=tuple(names),
        parity=parity,
        evaluation=tuple(_evaluate(fold, shipped, threshold)),
        representative_set=fold.representatives.describe(),
        operating_point=points.single,
        field_operating_point=points.field,
        logit_reference=points.reference,
        novelty=points.novelty,
        corrections=read_run_corrections(fold.fit.folder),
    )
    write_compressed(folder, record)


def _choose(lab: LabRecipe, fold: FoldLab, made: dict[int, dict[str, Made]]) -> Points:
    if isinstance(fold, NoveltyLab):
        return Points(None, None, choose_novelty_points(fold, made[lab.ships][lab.tflite]))
    others = [made[k][lab.tflite] for k in lab.folds if k != lab.ships]
    return choose_points(lab, fold, others)


def _evaluate(fold: FoldLab, shipped: Made, threshold: float | None) -> list[Evaluation]:
    if isinstance(fold, NoveltyLab) and threshold is not None:
        return evaluate_novelty(fold, shipped, threshold)
    return evaluate_shipped(fold, shipped, threshold)


def _check_size(lab: LabRecipe, shipped: Made) -> None:
    size = len(shipped.variant.content)
    if size > lab.max_bytes:
        raise DataError(
            f"{lab.student} as {shipped.name} has {size:,} bytes, over its budget of "
            f"{lab.max_bytes:,}; make the network smaller, or raise max_bytes"
        )


def _float_logits(lab: LabRecipe, fold: FoldLab, own: dict[str, Made]) -> np.ndarray:
    scores = of_part(own[FLOAT].scores, fold.given.examples, lab.part)
    names = [example.name for example in fold.given.part("test", lab.part)[0]]
    if scores.name.tolist() != names:
        raise DataError(f"scores of {FLOAT} are not of the held-out examples; remove {fold.out}")
    return scores.logit


def _describe(fold: FoldLab, made: Made) -> Weights:
    recipe = fold.fit.recipe
    file, content = f"{recipe.task}.int8.{made.variant.format}", made.variant.content
    if made.variant.format == "onnx":
        found = describe_onnx(content, file=file, parent=fold.parent)
    else:
        found = describe_weights(
            content, file=file, parent=fold.parent, scale=recipe.preprocessing.scale
        )
    return replace(found, role="novelty") if recipe.novelty is not None else found


def _table(
    lab: LabRecipe, fold: FoldLab, made: dict[int, dict[str, Made]], settings: Settings
) -> VariantTable:
    recipe = fold.fit.recipe
    subjects = [_subject(lab, fold, made, name) for name in made[lab.ships]]
    peers = _peers(lab, fold, made, settings)
    rows = measure([*subjects, *peers], FLOAT, runs=settings.timed_runs)
    errors = ()
    if INT8 in lab.all_variants or lab.tflite.startswith(INT8):
        found = layer_errors(fold.fit.model, fold.representative_crops, recipe.preprocessing.scale)
        errors = (LayerErrors(lab.tflite, found),)
    pooled = subjects[0].held_out.scores
    return VariantTable(
        task=recipe.task,
        title=lab.title,
        labels=labels_of(recipe.dataset),
        command=settings.command,
        data=f"{lab.part or recipe.dataset}, {len(pooled.name):,} held-out examples of "
        f"{len(set(pooled.patient.tolist()))} groups, raw labels",
        folds=lab.folds,
        machine=machine_name(),
        reference=FLOAT,
        rows=rows[: len(subjects)],
        peers=rows[len(subjects) :],
        layer_errors=errors,
        notes=lab.notes,
    )


def _subject(lab: LabRecipe, fold: FoldLab, made: dict[int, dict[str, Made]], name: str) -> Subject:
    own, recipe = made[lab.ships][name], fold.fit.recipe
    held_out = _pooled(lab, fold, [made[k][name] for k in lab.folds])
    preprocessing = recipe.preprocessing
    return variant_subject(
        own.variant, held_out, preprocessing.size_px, preprocessing.scale, own.cost
    )


def _pooled(lab: LabRecipe, fold: FoldLab, parts: Sequence[Made]) -> HeldOut:
    own = [of_part(one.scores, fold.given.examples, lab.part) for one in parts]
    return pool_at_own_thresholds(own)


def _peers(
    lab: LabRecipe, fold: FoldLab, made: dict[int, dict[str, Made]], settings: Settings
) -> list[Subject]:
    if settings.peers is None:
        return []
    folds = [_part_of_fold(lab, fold, made[k][FLOAT]) for k in lab.folds]
    cache = settings.out / "cache"
    return [
        peer_subject(peer, pool_at_own_thresholds([peer.score(own, cache) for own in folds]))
        for peer in open_peers(settings.peers, fold.fit.recipe.task)
    ]


def _part_of_fold(lab: LabRecipe, fold: FoldLab, made: Made) -> list[Example]:
    """The examples that a fold held out."""
    names = set(of_part(made.scores, fold.given.examples, lab.part).name.tolist())
    return [example for example in fold.given.examples if example.name in names]
