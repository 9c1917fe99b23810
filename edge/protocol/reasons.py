"""Which refusals of fields speak against the slide, and which against a place or the device."""

from __future__ import annotations

from collections import Counter

from edge.analysis.quality import (
    NO_RED_CELLS,
    NOT_A_SMEAR,
    STAIN_UNKNOWN,
    THICK_SMEAR,
    TOO_STRONG,
    TOO_WEAK,
)

# Light, focus, colours and crowding get better when the operator turns a knob or moves the slide,
# so those fields are only missing. These do not: the glass is no stained thin smear. Nuclei without
# red cells are what a thick smear, marrow or a buffy coat looks like; a few such fields lie at the
# edge of every smear, so the share decides. A stain is a slide's, not a field's.
AGAINST_SLIDE = (
    NOT_A_SMEAR,
    STAIN_UNKNOWN,
    THICK_SMEAR,
    NO_RED_CELLS,
    TOO_WEAK,
    TOO_STRONG,
)
MOST_AGAINST_SHARE = 0.5


def against_slide(reasons: tuple[str, ...], fields: int) -> str:
    """Why the slide is to be refused, from its refused fields' reasons; empty where it is not.

    Args:
        fields: of the slide, read or refused.
    """
    against = Counter(reason for reason in reasons if reason in AGAINST_SLIDE)
    if against.total() <= MOST_AGAINST_SHARE * fields:
        return ""
    reason, _ = against.most_common(1)[0]
    return f"{against.total():,} of {fields:,} fields were refused: {reason}"
