"""Members must cover the same examples; disagreement is what mutual information measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.contract.errors import DataError
from tests.support.drawn_records import draw_scores
from train.ensemble import accuracy_when_kept, combine, entropy
from train.runs import take
from train.scores import Scores

PATIENTS = [f"C{n}" for n in range(40)]
MEMBERS = [draw_scores(PATIENTS, seed=seed) for seed in range(5)]


def of_logits(*logits: float) -> Scores:
    n = len(logits)
    names = np.array([f"n{k}" for k in range(n)])
    return Scores(names, names, np.zeros(n, np.int8), np.array(logits, np.float32))


def test_members_are_matched_by_name_whatever_their_order() -> None:
    shuffled = take(MEMBERS[1], np.random.default_rng(0).permutation(len(MEMBERS[1].name)))
    found = combine([MEMBERS[0], shuffled])
    order = np.argsort(MEMBERS[0].name)
    assert found.scores.name.tolist() == MEMBERS[0].name[order].tolist()
    mean = (MEMBERS[0].logit + MEMBERS[1].logit)[order] / 2
    assert found.scores.logit == pytest.approx(mean, abs=1e-6)


def test_agreement_is_no_mutual_information_and_contradiction_all_of_it() -> None:
    sure, unsure = combine([of_logits(30, 0), of_logits(-30, 0)]).mutual_information
    assert sure == pytest.approx(np.log(2))
    assert unsure == pytest.approx(0, abs=1e-9)
    both = combine([of_logits(30, 0), of_logits(-30, 0)]).predictive_entropy
    assert both == pytest.approx([np.log(2), np.log(2)])


def test_entropy_of_certainty_is_zero() -> None:
    assert entropy(np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx([0, np.log(2)])


def test_the_mean_is_better_than_a_member_and_the_uncertain_are_the_wrong() -> None:
    found = combine(MEMBERS)
    single = ((MEMBERS[0].logit > 0) == MEMBERS[0].label).mean()
    kept = accuracy_when_kept(found, found.predictive_entropy)
    assert kept[0][2] > single
    assert kept[-1][2] > kept[0][2]
    assert [n for _, n, _ in kept] == [480, 475, 456, 432, 384]


def test_members_that_do_not_belong_together_are_refused() -> None:
    first = MEMBERS[0]
    with pytest.raises(DataError, match="differ in 7 examples"):
        combine([first, take(first, np.arange(7, len(first.name)))])
    with pytest.raises(DataError, match="in the label"):
        combine([first, replace(first, label=1 - first.label)])
    with pytest.raises(DataError, match="in the patient"):
        combine([first, replace(first, patient=np.char.add(first.patient, "x"))])
    with pytest.raises(DataError, match="needs two"):
        combine([first])
    with pytest.raises(DataError, match="scored twice"):
        combine([take(first, np.array([0, 0, 1])), take(first, np.array([0, 1, 2]))])
    with pytest.raises(DataError, match="has logits"):
        combine([first, replace(first, logit=np.stack([first.logit, first.logit], axis=1))])
