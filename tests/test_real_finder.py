"""What is claimed of the finder holds on fields that the fold's network has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compress.finder.fold_finders import open_fold_finder, read_fold_finders
from compress.finder.measure import read_with
from edge.screening.finder import FinderNetwork
from train.fields.callers import Field, join
from train.fields.finding import finding_figures, object_figures
from train.fields.truth import FieldTruth, read_fields
from train.splits import fold_of

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def network() -> FinderNetwork:
    """Fold 0's."""
    first = read_fold_finders()[0]
    assert first.fold == 0
    return open_fold_finder(first)


def read(network: FinderNetwork, truths: list[FieldTruth]) -> list[Field]:
    return join(truths, read_with(network.runtime, network.grid, truths))


def every(truths: list[FieldTruth], count: int) -> list[FieldTruth]:
    """So many, evenly over all."""
    return [truths[index] for index in np.linspace(0, len(truths) - 1, count).astype(int)]


def test_held_out_fields_have_their_cells(real_data: Path, network: FinderNetwork) -> None:
    held_out = [
        truth
        for truth in read_fields("iml-fields", real_data)
        if fold_of("iml-cells")[truth.group] == 0
    ]
    assert len(held_out) == 51
    figures = finding_figures(read(network, held_out), [True] * len(held_out))
    assert figures["recall"].value >= 0.93
    # Much that it finds beyond the labels are cells that overlap others.
    assert figures["precision"].value >= 0.8


def test_fields_of_another_hospital_have_their_cells(
    real_data: Path, network: FinderNetwork
) -> None:
    fields = read(network, every(read_fields("bccd-fields", real_data), 20))
    assert object_figures(fields)["wbc_recall"].value >= 0.9
    assert finding_figures(fields, [True] * len(fields))["recall"].value >= 0.75
