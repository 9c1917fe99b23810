"""Layers that no fit changes, whatever its phases are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MARK = "clinicscope_frozen"


def freeze(layers: Sequence[Any]) -> None:
    """Marks them: `train.loop` lets them be, and their batch norms keep their statistics."""
    for layer in layers:
        layer.trainable = False
        setattr(layer, _MARK, True)


def is_frozen_for_good(layer: Any) -> bool:
    """Whether `freeze` marked it."""
    return bool(getattr(layer, _MARK, False))
