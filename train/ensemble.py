"""A deep ensemble: several networks on the same examples, and how far they disagree.

Predictive entropy is the doubt that is left, whatever its cause; mutual information is the part
that comes from the members disagreeing (Depeweg 2018, arXiv 1710.07283), which an image unlike the
training data raises. Both in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F64Array
from train.scores import Scores

KEPT_SHARES = (1.0, 0.99, 0.95, 0.9, 0.8)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What several members say of the same N examples.

    Attributes:
        scores: combined: the mean of the members' logits, sorted by name.
        mean_probability: (N,K) mean of the members' probabilities.
        predictive_entropy: (N,) of the mean probability.
        mutual_information: (N,) predictive entropy less the mean of the members' entropies.
    """

    scores: Scores
    mean_probability: F64Array
    predictive_entropy: F64Array
    mutual_information: F64Array


def combine(members: Sequence[Scores]) -> Ensemble:
    """Joins members that scored the same examples.

    Raises:
        DataError: fewer than two members, or they differ in names, labels, patients or classes.
    """
    if len(members) < 2:
        raise DataError(f"{len(members)} member; an ensemble needs two")
    ordered = [sorted_by_name(member) for member in members]
    for index, member in enumerate(ordered[1:], start=2):
        _check_same(ordered[0], member, index)
    logit = np.mean([member.logit.astype(np.float64) for member in ordered], axis=0)
    probability = np.stack([member.probability for member in ordered])
    mean = probability.mean(axis=0)
    total = entropy(mean)
    return Ensemble(
        replace(ordered[0], logit=logit.astype(np.float32)),
        mean,
        total,
        # Rounding may put it a hair below zero where all members agree.
        np.maximum(total - entropy(probability).mean(axis=0), 0.0),
    )


def entropy(probability: F64Array) -> F64Array:
    """(...) entropy in nats of (...,K) probabilities."""
    safe = np.where(probability > 0, probability, 1.0)
    return np.asarray(-(probability * np.log(safe)).sum(axis=-1))


def sorted_by_name(scores: Scores) -> Scores:
    """The same scores in order of their names. Raises DataError for a name that comes twice."""
    names, first = np.unique(scores.name, return_index=True)
    if len(names) < len(scores.name):
        seen = set(first.tolist())
        twice = [str(name) for row, name in enumerate(scores.name) if row not in seen]
        raise DataError(f"{len(twice)} names are scored twice, e.g. {twice[:3]}")
    return Scores(names, scores.patient[first], scores.label[first], scores.logit[first])


def accuracy_when_kept(
    ensemble: Ensemble, uncertainty: F64Array, shares: Sequence[float] = KEPT_SHARES
) -> list[tuple[float, int, float]]:
    """Accuracy on the least uncertain share: (share, examples, accuracy) for each share.

    Where uncertainty means anything, accuracy rises as the uncertain go to a person.
    """
    right = ensemble.mean_probability.argmax(axis=1) == ensemble.scores.label
    order = np.argsort(uncertainty, kind="stable")
    kept = [(share, max(1, round(share * len(right)))) for share in shares]
    return [(share, n, float(right[order[:n]].mean())) for share, n in kept]


def _check_same(first: Scores, other: Scores, index: int) -> None:
    missing = np.setxor1d(first.name, other.name)
    if len(missing):
        raise DataError(
            f"member {index} and member 1 differ in {len(missing)} examples, e.g. "
            f"{missing[:3].tolist()}; members must score the same examples"
        )
    for what in ("patient", "label"):
        if (getattr(first, what) != getattr(other, what)).any():
            raise DataError(f"member {index} and member 1 differ in the {what} of some examples")
    if first.logit.shape != other.logit.shape:
        raise DataError(
            f"member {index} has logits {other.logit.shape}, member 1 {first.logit.shape}"
        )
