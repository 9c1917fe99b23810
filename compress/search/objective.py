"""What a candidate is worth: its cost before a fit, and its AUC on validation patients after it.

Figures are those of the file that would be shipped, scored in integers where it computes in them.
Patients of the held-out fold have no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compress.devices import Budget, Device, predict_ms
from compress.opened import open_model
from compress.search.early import Course, lags
from compress.search.fitting import Fits, Validation, start_afresh
from compress.search.space import Candidate, Plan, plan_of
from edge.contract.errors import DataError
from edge.contract.types import F32Array
from train.batches import predict_logits
from train.datasets.base import labels_of
from train.evaluate import macro_auc
from train.models.cost import cost_of
from train.networks import build_for
from train.recipe import Recipe

if TYPE_CHECKING:
    from compress.variants import Variant

# What a file without data weighs is asked of the variant that is made without any: its ranges do
# not change its bytes. Layers that stay in float only add to those of INT8.
_WEIGHED_AS = {"int8-mixed": "int8"}
_WEIGHING_CROPS = 4


@dataclass(frozen=True)
class Outcome:
    """One trial.

    Attributes:
        patch: as `ModelSpec.patch`.
        ms: predicted for the device, not measured; `slow_ms` where kernels fit badly.
        over: by what share of the budget it exceeds it; 0 within.
        curve: validation AUC after each epoch, float.
        auc_float: of the fitted network on validation patients; macro for several classes.
        auc: of the file.
        reason: why the trial has no AUC; "" where it has one.
    """

    candidate: Candidate
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    patch: int
    size_px: int
    macs: int
    size_bytes: int
    ms: float
    slow_ms: float
    over: float = 0.0
    curve: tuple[float, ...] = ()
    auc_float: float | None = None
    auc: float | None = None
    reason: str = ""

    @property
    def course(self) -> Course:
        """What later trials are held against."""
        return Course(self.curve, self.costs)

    @property
    def costs(self) -> tuple[float, float]:
        """Bytes and milliseconds."""
        return (float(self.size_bytes), self.ms)


class Objective:
    """Judges candidates of one recipe for one device."""

    def __init__(
        self, base: Recipe, device: Device, budget: Budget, epochs: int, fits: Fits
    ) -> None:
        self._base, self._device, self._budget, self._epochs = base, device, budget, epochs
        self._fits = fits
        self._n_classes = len(labels_of(base.dataset))

    def weigh(self, candidate: Candidate) -> Outcome:
        """Its cost, from an unfitted network; `over` and `reason` are set where it is too much."""
        return self._weigh(candidate, plan_of(candidate, self._base, self._epochs))

    def shares(self, candidate: Candidate) -> str:
        """A name that candidates with a fit in common have in common."""
        return self._fits.name_of(plan_of(candidate, self._base, self._epochs).first)

    def judge(self, candidate: Candidate, earlier: Sequence[Course]) -> Outcome:
        """The whole trial: weighed, and where it is within the budget fitted and scored.

        Args:
            earlier: how trials before it went; it stops where it is clearly behind them.

        Raises:
            DataError: the data cannot be used, or the disk is full.
        """
        plan = plan_of(candidate, self._base, self._epochs)
        weighed = self._weigh(candidate, plan)
        if weighed.reason:
            return weighed
        validation = self._fits.validation(plan.last)
        curve: list[float] = []
        try:
            model = self._fits.fit_plan(plan, _watch(curve, weighed, earlier, _epochs_of(plan)))
        except _LaggingError:
            reason = f"stopped after epoch {len(curve)}: behind earlier trials that cost no more"
            return replace(weighed, curve=tuple(curve), reason=reason)
        except DataError as error:
            # A disk that is full has a cause, and ends the search; a loss that ran away has none.
            if error.__cause__ is not None:
                raise
            return replace(weighed, curve=tuple(curve), reason=f"not fitted: {error}")
        return self._score(replace(weighed, curve=tuple(curve)), plan.last, model, validation)

    def _weigh(self, candidate: Candidate, plan: Plan) -> Outcome:
        recipe = replace(plan.last, model=replace(plan.last.model, weights=""))
        start_afresh()
        model = build_for(recipe, self._n_classes)
        outcome = Outcome(
            candidate,
            recipe.model.widths,
            recipe.model.strides,
            recipe.model.patch,
            recipe.preprocessing.size_px,
            cost_of(model).macs,
            0,
            0.0,
            0.0,
        )
        # Time and arithmetic are known at once; a file takes seconds to make.
        outcome = self._costed(outcome, 0)
        if outcome.over:
            return outcome
        size = recipe.preprocessing.size_px
        noise = np.random.default_rng(0).integers(
            0, 256, (_WEIGHING_CROPS, size, size, 3), np.uint8
        )
        _make_unequal(model)
        bits = _WEIGHED_AS.get(candidate.bits, candidate.bits)
        return self._costed(outcome, len(_make(bits, model, noise, recipe).content))

    def _costed(self, outcome: Outcome, size_bytes: int) -> Outcome:
        bits = outcome.candidate.bits
        predicted = predict_ms(self._device, outcome.macs, size_bytes, bits)
        over = self._budget.excess(size_bytes, outcome.macs, predicted.ms)
        reason = f"over the budget of {self._budget}" if over else ""
        return replace(
            outcome,
            size_bytes=size_bytes,
            ms=predicted.ms,
            slow_ms=predicted.slow_ms,
            over=over,
            reason=reason,
        )

    def _score(
        self, outcome: Outcome, recipe: Recipe, model: Any, validation: Validation
    ) -> Outcome:
        scale = recipe.preprocessing.scale
        made = _make(outcome.candidate.bits, model, validation.representative, recipe)
        costed = self._costed(outcome, len(made.content))
        if costed.reason:
            return costed
        opened = open_model(made.format, made.content, made.name)
        logit = opened.score(validation.crops, scale)
        return replace(
            costed,
            auc_float=_auc(predict_logits(model, validation.crops, scale), validation.labels),
            auc=_auc(logit[:, 0] if logit.shape[1] == 1 else logit, validation.labels),
        )


class _LaggingError(Exception):
    """A trial is behind; raised between two epochs."""


def _watch(curve: list[float], weighed: Outcome, earlier: Sequence[Course], epochs: int) -> Any:
    """Notes each epoch, and stops a trial that is behind while there is an epoch to save."""

    def note(auc: float) -> None:
        curve.append(auc)
        if len(curve) < epochs and lags(curve, weighed.costs, earlier):
            raise _LaggingError

    return note


def _epochs_of(plan: Plan) -> int:
    return plan.first.fit.epochs + (plan.second.fit.epochs if plan.second else 0)


def _make_unequal(model: Any) -> None:
    """Moves every weight a little: a file keeps equal constants once, a fitted network has none."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + rng.uniform(0.01, 0.1, weight.shape).astype(np.float32))


def _make(bits: str, model: Any, representative: Any, recipe: Recipe) -> Variant:
    from compress.variants import make_variant

    return make_variant(bits, model, representative, recipe.preprocessing.scale)


def _auc(logit: F32Array, labels: np.ndarray) -> float:
    return round(macro_auc(logit, labels), 6)
