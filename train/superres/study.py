"""Runs the study of super-resolution, fit by fit; what is on record is not fitted again.

The fits that need no enhancer are done without one; the others are told of and left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge.contract.errors import ConfigError
from train.superres.arms import Pictures, parts_of_split
from train.superres.classify import fit_classifier, logits_by
from train.superres.networks import Enlarge, enhance_with, load_enhancer
from train.superres.recipe import EnhancerRecipe
from train.superres.study_records import (
    FitKey,
    claim,
    is_done,
    record_enhancers,
    write_fit,
    write_truth,
)
from train.superres.study_spec import SPLITS, Scheme, StudySpec

Tell = Callable[[str], None]


def run_study(
    spec: StudySpec,
    out: Path,
    schemes: Sequence[Scheme],
    networks: Sequence[str],
    enhancers: Mapping[str, Path],
    *,
    data: Path | None = None,
    cache: Path | None = None,
    tell: Tell = lambda _line: None,
) -> None:
    """All fits of the schemes and networks that are not on record yet, one after the other.

    Args:
        enhancers: run folders by form.
        cache: folder of enlarged pictures; they are pictures of patients, and stay out of git.

    Raises:
        ConfigError: `out` holds another study, or an enhancer on record is another.
        DataError: no data, or a damaged record.
    """
    claim(out, spec)
    marks = {form: found.sha256 for form, found in record_enhancers(out, enhancers).items()}
    parts = _Parts(spec, out, enhancers, marks, data, cache)
    for scheme, key in planned(spec, schemes, networks):
        if is_done(out, key):
            continue
        if missing := scheme.enhancers - set(enhancers):
            tell(f"left out: {key.file} needs an enhancer for {', '.join(sorted(missing))}")
            continue
        started = time.monotonic()
        loss = _fit_one(spec, out, scheme, key, parts)
        tell(f"{key.file}: loss {loss:.4f}, {time.monotonic() - started:.0f} s")


def planned(
    spec: StudySpec, schemes: Sequence[Scheme], networks: Sequence[str]
) -> Iterator[tuple[Scheme, FitKey]]:
    """What is fitted, in order: every network once, then the further seeds.

    Raises:
        ConfigError: a network that is not of the study.
    """
    budgets = {network: spec.budget(network) for network in networks}
    for seed in range(max((budget.seeds for budget in budgets.values()), default=0)):
        for network, budget in budgets.items():
            for split in SPLITS if seed < budget.seeds else ():
                for scheme in schemes:
                    if split in scheme.splits:
                        yield scheme, FitKey(network, scheme.name, split, seed)


def check_enhancer(recipe: EnhancerRecipe, spec: StudySpec) -> None:
    """Raises ConfigError for an enhancer that saw test patients, or cells of another size."""
    if recipe.held_out_fold != spec.draw.fold or recipe.parts != ("train",):
        raise ConfigError(
            f"the enhancer was fitted on {', '.join(recipe.parts)} of fold {recipe.held_out_fold}; "
            f"fold {spec.draw.fold} is tested here, whose patients it must not have seen"
        )
    if recipe.high_px not in (0, spec.draw.high_px) or recipe.label >= 0:
        raise ConfigError(
            f"the enhancer has high_px {recipe.high_px} and label {recipe.label}; the study needs "
            f"one for both classes of cells of {spec.draw.high_px} px"
        )


class _Parts:
    """Pictures of each split's parts, kept for the next fit."""

    def __init__(
        self,
        spec: StudySpec,
        out: Path,
        enhancers: Mapping[str, Path],
        marks: Mapping[str, str],
        data: Path | None,
        cache: Path | None,
    ) -> None:
        self._spec, self._out, self._enhancers = spec, out, enhancers
        self._marks, self._data, self._cache = marks, data, cache
        self._enlarge: dict[str, Enlarge] = {}
        self._kept: dict[str, dict[str, Pictures]] = {}

    def of(self, split: str) -> dict[str, Pictures]:
        """By part; names of the cells are put on record."""
        if split not in self._kept:
            found = parts_of_split(split, self._spec.draw, self._data)
            for part, cells in found.items():
                write_truth(self._out, split, part, cells)
            self._kept[split] = {
                part: Pictures(cells, self._enlarger, self._cache, self._marks.__getitem__)
                for part, cells in found.items()
            }
        return self._kept[split]

    def _enlarger(self, form: str) -> Enlarge:
        if form not in self._enlarge:
            self._enlarge[form] = enhance_with(load_enhancer(self._enhancers[form])[1])
        return self._enlarge[form]


def _fit_one(spec: StudySpec, out: Path, scheme: Scheme, key: FitKey, parts: _Parts) -> float:
    """The last epoch's loss."""
    import tf_keras

    budget, own = spec.budget(key.network), parts.of(scheme.split(key.split))
    crops, labels = own["train"].shown(scheme.forms), own["train"].cells.label
    # Copies are as many as their split gives: fewer would be copies of each other less often.
    n_fitted = len(labels) if scheme.copies else budget.cells
    fit = replace(spec.fit, epochs=budget.epochs)
    model, log = fit_classifier(
        key.network, crops[:n_fitted], labels[:n_fitted], fit, spec.draw.seed + key.seed
    )
    logits = {}
    for name, view in scheme.views.items():
        shown = own[view.part].shown(view.forms)
        logits[name] = logits_by(model, shown[:n_fitted] if view.part == "train" else shown)
    write_fit(out, key, logits, log)
    tf_keras.backend.clear_session()
    return log[-1]["loss"]
