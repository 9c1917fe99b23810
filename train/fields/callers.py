"""From raw logits to calls: what is normalised, over which cells, and at which threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import BoolArray, F64Array
from train.fields.matching import Matched, match_red_cells
from train.fields.readings import FieldReading
from train.fields.truth import FieldTruth

FIELD, SLIDE = "field", "slide"
# Between the names of families whose logits are added.
PLUS = "+"
# Logits of the red cells of one field or slide and which of them are whole, to logits.
Change = Callable[[F64Array, BoolArray], F64Array]


@dataclass(frozen=True, eq=False)
class Field:
    """One field: truth, reading, and how they pair, fairly and strictly counted."""

    truth: FieldTruth
    reading: FieldReading
    fair: Matched
    strict: Matched


def join(truths: Sequence[FieldTruth], readings: Sequence[FieldReading]) -> list[Field]:
    """Fields in the order of the truth.

    Raises:
        DataError: a field was not read.
    """
    by_name = {reading.name: reading for reading in readings}
    missing = [truth.name for truth in truths if truth.name not in by_name]
    if missing:
        raise DataError(f"{len(missing)} fields were not read, e.g. {missing[:3]}")
    return [_joined(truth, by_name[truth.name]) for truth in truths]


def _joined(truth: FieldTruth, reading: FieldReading) -> Field:
    return Field(
        truth,
        reading,
        match_red_cells(truth, reading),
        match_red_cells(truth, reading, strict=True),
    )


def as_they_are(logits: F64Array, _whole: BoolArray) -> F64Array:
    """No normalisation."""
    return logits


@dataclass(frozen=True)
class Normalisation:
    """What is done to the logits of a field or slide before they meet the threshold.

    Attributes:
        per: "field" or "slide"; a slide's fields are one group of the truth.
    """

    name: str = "none"
    per: str = FIELD
    change: Change = as_they_are

    def __post_init__(self) -> None:
        if self.per not in (FIELD, SLIDE):
            raise ConfigError(f"per is {self.per!r}; known: {FIELD}, {SLIDE}")


NONE = Normalisation()


@dataclass(frozen=True)
class Caller:
    """How cells are called.

    Attributes:
        family: key of the logits, or several joined by PLUS.
        thresholds: on the normalised logit, by fold.
        stages: family that tells the stages; "" leaves them out.
    """

    name: str
    family: str
    thresholds: Mapping[int, float]
    normalisation: Normalisation = field(default_factory=Normalisation)
    stages: str = ""


@dataclass(frozen=True, eq=False)
class Calls:
    """What a caller says of one field.

    Attributes:
        logit: (N,) normalised; NaN where the object is no red cell.
        infected: (N,) called infected.
        stage: (N,) index of the likeliest stage, -1 where none is told.
    """

    logit: F64Array
    infected: BoolArray
    stage: np.ndarray


def call_fields(fields: Sequence[Field], caller: Caller) -> list[Calls]:
    """Calls of every object, field by field.

    Raises:
        ConfigError: a fold without threshold.
        DataError: a reading without the family's logits.
    """
    logits = normalised_logits(fields, caller.family, caller.normalisation)
    return [_calls(one, logit, caller) for one, logit in zip(fields, logits, strict=True)]


def _calls(one: Field, logit: F64Array, caller: Caller) -> Calls:
    fold = one.reading.fold
    if fold not in caller.thresholds:
        raise ConfigError(f"{caller.name} has no threshold for fold {fold}")
    # NaN, of what is no red cell, is above no threshold.
    infected = logit >= caller.thresholds[fold]
    stage = np.full(len(logit), -1)
    if caller.stages and len(logit):
        of_stages = logits_of(one.reading, caller.stages)
        known = np.isfinite(of_stages).all(axis=1)
        stage[known] = of_stages[known].argmax(axis=1)
    return Calls(logit, np.asarray(infected), stage)


def logits_of(reading: FieldReading, family: str) -> F64Array:
    """(N,) or (N,K); of a sum of families (N,), a novelty network giving its first logit.

    Raises:
        DataError: the field was read without that family.
    """
    if PLUS in family:
        parts = [logits_of(reading, one) for one in family.split(PLUS)]
        return np.sum([one[:, 0] if one.ndim > 1 else one for one in parts], axis=0)
    if family not in reading.logits:
        raise DataError(
            f"{reading.name} was read without {family}; known: {', '.join(reading.logits)}"
        )
    return reading.logits[family].astype(np.float64)


def normalised_logits(
    fields: Sequence[Field], family: str, normalisation: Normalisation
) -> list[F64Array]:
    """(N,) of each field; NaN where the object is no red cell."""
    raw = [logits_of(one.reading, family) for one in fields]
    rows_of: dict[str, list[int]] = {}
    for row, one in enumerate(fields):
        key = one.truth.name if normalisation.per == FIELD else one.truth.group
        rows_of.setdefault(key, []).append(row)
    out = [np.full(len(values), np.nan) for values in raw]
    for rows in rows_of.values():
        red = np.concatenate([fields[row].reading.red for row in rows])
        whole = np.concatenate([fields[row].reading.counted for row in rows])
        joined = np.full(len(red), np.nan)
        values = np.concatenate([raw[row] for row in rows])
        joined[red] = normalisation.change(values[red], whole[red])
        ends = np.cumsum([len(raw[row]) for row in rows])[:-1]
        for row, part in zip(rows, np.split(joined, ends), strict=True):
            out[row] = part
    return out


def call_rightly(fields: Sequence[Field]) -> list[Calls]:
    """What a caller without fault would say of the cells found: as the truth of each has it.

    What no infected cell pairs with is called healthy. Its figures are what a finder leaves to be
    reached.
    """
    calls = []
    for one in fields:
        infected = np.zeros(len(one.reading.kinds), bool)
        pairs = one.fair.true_of_found
        paired = pairs >= 0
        infected[paired] = one.truth.infected[pairs[paired]]
        infected &= one.reading.red
        logit = np.where(one.reading.red, np.where(infected, 1.0, -1.0), np.nan)
        calls.append(Calls(logit, infected, np.full(len(infected), -1)))
    return calls
