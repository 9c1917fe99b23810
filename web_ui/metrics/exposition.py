"""Prometheus' text format, version 0.0.4. Pure.

Format: prometheus.io, "Exposition formats", text-based format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True)
class Sample:
    """One line.

    Attributes:
        suffix: of the family's name, as a histogram's `_bucket`; mostly empty.
    """

    value: float
    labels: tuple[tuple[str, str], ...] = ()
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """A figure with its samples; `kind` is COUNTER, GAUGE or HISTOGRAM."""

    name: str
    kind: str
    words: str
    samples: tuple[Sample, ...]


def single(name: str, kind: str, words: str, value: float) -> Family:
    """A figure without labels."""
    return Family(name, kind, words, (Sample(value),))


def labelled(name: str, kind: str, words: str, label: str, values: Mapping[str, float]) -> Family:
    """A figure by one label."""
    samples = (Sample(value, ((label, key),)) for key, value in values.items())
    return Family(name, kind, words, tuple(samples))


def render(families: Iterable[Family]) -> str:
    """The whole text. A family without a sample is left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines.append(f"# HELP {family.name} {family.words}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines += (_line(family.name, sample) for sample in family.samples)
    return "\n".join([*lines, ""])


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{key}="{value.translate(_ESCAPES)}"' for key, value in sample.labels)
    braces = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.suffix}{braces} {_number(sample.value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
