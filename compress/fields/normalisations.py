"""Normalisations by name: what is done to a field's or slide's logits before the threshold."""

from __future__ import annotations

from importlib import import_module

from edge.contract.errors import ConfigError
from train.fields.callers import Normalisation

# name -> a `Normalisation` of a module.
NORMALISATIONS = {
    "none": "train.fields.callers:NONE",
    "field-median": "train.fields.normalise:FIELD_MEDIAN",
    "slide-median": "train.fields.normalise:SLIDE_MEDIAN",
    "field-spread": "train.fields.normalise:FIELD_SPREAD",
    "slide-spread": "train.fields.normalise:SLIDE_SPREAD",
}


def open_normalisation(name: str) -> Normalisation:
    """A normalisation by name. Raises ConfigError where there is none."""
    if name not in NORMALISATIONS:
        raise ConfigError(f"no normalisation {name!r}; known: {', '.join(NORMALISATIONS)}")
    module, _, attribute = NORMALISATIONS[name].partition(":")
    found: Normalisation = getattr(import_module(module), attribute)
    return found
