"""Keeps a place of the slide from being counted twice."""

from __future__ import annotations

from dataclasses import replace

from edge.analysis.repeats import SeenFields, signature_of
from edge.contract.types import FieldResult, Frame

SEEN_BEFORE = "seen before: this place was already read (field {}); move the slide on"


def not_twice(result: FieldResult, frame: Frame, seen: SeenFields) -> FieldResult:
    """The result, or a refusal where a field that was read before shows the same place.

    Only fields that were read are remembered: a place that was refused, out of focus say, may be
    read again.

    Args:
        result: of this frame.
        frame: the field.
        seen: the specimen's fields so far; this one joins them where it counts.
    """
    if not result.quality.usable:
        return result
    signature = signature_of(frame.image)
    match = seen.find(signature)
    if match is None:
        seen.add(result.name, signature)
        return result
    reason = SEEN_BEFORE.format(match.name)
    return replace(result, quality=replace(result.quality, usable=False, reason=reason), cells=())
