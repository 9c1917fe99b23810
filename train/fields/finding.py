"""How well cells are found and counted, whoever calls them. Pure; intervals over blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.labels import PLATELET, WBC
from edge.contract.types import BoolArray
from train.bootstrap import Figure
from train.fields.callers import Field
from train.fields.matching import Matched, match_objects
from train.fields.tallies import Tallies


def finding_figures(fields: Sequence[Field], labelled: Sequence[bool]) -> dict[str, Figure]:
    """How well red cells are found; `_strict` figures leave nothing out.

    A refused field's cells are not found, and its count is off by all of them; `recall_read` is of
    the others.
    `precision_where_boxed` leaves out what was found where no true cell is near; `_labelled`
    figures are of fields whose cells carry labels.

    Args:
        labelled: of each field, whether most of its cells do; see `train.fields.labelled`.
    """
    rows = []
    for one, is_labelled in zip(fields, labelled, strict=True):
        row = {"fields": 1.0, "refused": float(bool(one.reading.refused))}
        for name, matched in (("", one.fair), ("_strict", one.strict)):
            row |= _found_row(matched, name)
        row["found_boxed"] = int((one.fair.found_counts & ~one.fair.found_unboxed).sum())
        row["labelled"] = float(is_labelled)
        for key in ("true", "found", "hits"):
            row[f"{key}_labelled"] = row[key] * is_labelled
        row["true_read"] = 0 if one.reading.refused else row["true"]
        row["count_error_labelled"] = row["count_error"] if is_labelled else np.nan
        rows.append(row)
    tallies = Tallies.of(rows, [one.truth.group for one in fields])
    figures = {
        "refused": tallies.share("refused", "fields"),
        "labelled": tallies.share("labelled", "fields"),
        "recall_read": tallies.share("hits", "true_read"),
        "precision_where_boxed": tallies.share("hits", "found_boxed"),
    }
    for name in ("", "_strict", "_labelled"):
        figures |= {
            f"recall{name}": tallies.share(f"hits{name}", f"true{name}"),
            f"precision{name}": tallies.share(f"hits{name}", f"found{name}"),
            f"count_error_median{name}": tallies.median(f"count_error{name}"),
            f"count_error_mean{name}": tallies.mean(f"count_error{name}"),
        }
    return figures


def _found_row(matched: Matched, name: str) -> dict[str, float]:
    true, found = int(matched.true_counts.sum()), int(matched.found_counts.sum())
    return {
        f"true{name}": true,
        f"found{name}": found,
        f"hits{name}": len(matched.hits),
        f"count_error{name}": abs(found - true) / true if true else np.nan,
    }


def object_figures(fields: Sequence[Field]) -> dict[str, Figure]:
    """White cells and platelets found as such, and true red cells taken for something else."""
    rows = [_object_row(one) for one in fields]
    tallies = Tallies.of(rows, [one.truth.group for one in fields])
    return {
        "wbc_recall": tallies.share("wbc_hits", "wbc_true"),
        "wbc_precision": tallies.share("wbc_hits", "wbc_found"),
        "platelet_recall": tallies.share("platelet_hits", "platelet_true"),
    }


def _object_row(one: Field) -> dict[str, float]:
    row = {}
    for kind in (WBC, PLATELET):
        true: BoolArray = one.truth.labels == kind
        found: BoolArray = one.reading.kinds == kind
        row[f"{kind}_true"] = int(true.sum())
        row[f"{kind}_found"] = int(found.sum())
        row[f"{kind}_hits"] = len(match_objects(one.truth, one.reading, true, found).hits)
    return row
