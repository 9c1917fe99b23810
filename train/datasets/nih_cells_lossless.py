"""The exact pixels of some of nih-cells, for super-resolution; split as nih-cells is."""

from __future__ import annotations

from train.datasets.nih_cells import LABELS, POSITIVE, list_examples

__all__ = ["FOLDER", "LABELS", "POSITIVE", "list_examples"]

FOLDER = "nih-cells-lossless"
