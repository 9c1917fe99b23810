"""The verdict of the machine alone, and the reason in one sentence.

A failure never becomes negative: negative needs the protocol's minimum count on usable fields, no
suspect cell, and an interval that excludes more parasites than the protocol tolerates. A slide that
is mostly no stained thin smear has no verdict at all, whatever was seen on the rest of it.
"""

from __future__ import annotations

from collections import Counter

from edge.contract.labels import GAMETOCYTE
from edge.protocol.definition import Protocol
from edge.protocol.interval import Interval
from edge.protocol.progress import progress
from edge.protocol.reasons import against_slide
from edge.tally import Tally


def decide(tally: Tally, interval: Interval | None, protocol: Protocol) -> tuple[str, str]:
    """Verdict and the reason in one sentence."""
    no_smear = _decide_no_smear(tally)
    if no_smear or interval is None:
        return no_smear or _decide_nothing_counted(tally)
    counted = _counted(tally)
    if _is_positive(tally, interval, protocol):
        more = f"{counted}, more than false alarms alone would give."
        return "positive", f"{more}{_gametocytes(tally)}"
    short = too_few(tally.rbc_count, tally.fields_read, interval, protocol)
    if short:
        return "inconclusive", short
    excluded = f"a parasitaemia of up to {100 * interval.high:.1f} % cannot be excluded"
    if tally.positive_count or tally.uncounted_suspects:
        # One parasite makes a slide positive, so nobody may call it negative over a suspect cell.
        others = _uncounted(tally)
        return "inconclusive", f"{counted}{others}; {excluded}: have the suspect cells reviewed."
    if interval.high > protocol.negative_limit_fraction:
        return "inconclusive", f"{counted}; {excluded}: read more fields."
    excluded = f"a parasitaemia above {100 * interval.high:.2f} % is excluded at 95 %"
    return "negative", f"{counted}; {excluded}."


def too_few(rbc_count: int, fields_read: int, interval: Interval | None, protocol: Protocol) -> str:
    """What the protocol still asks for before a slide may be negative; empty where nothing."""
    still = progress(rbc_count, fields_read, interval, protocol)
    if not still.missing_fields:
        return ""
    asked = f"{still.minimum_rbc_count:,}"
    if rbc_count >= still.minimum_rbc_count:
        asked += (
            f" on at least {protocol.minimum_usable_fields:,} fields, {fields_read:,} were read"
        )
    more = "field is" if still.missing_fields == 1 else "fields are"
    return (
        f"{rbc_count:,} red cells counted, {protocol.name} asks for {asked}: "
        f"about {still.missing_fields:,} more {more} needed."
    )


def _is_positive(tally: Tally, interval: Interval, protocol: Protocol) -> bool:
    return (
        interval.low > 0
        and interval.mistaken_fraction <= protocol.most_mistaken_fraction
        and tally.positive_count >= protocol.minimum_positive_count
    )


def _counted(tally: Tally) -> str:
    looks = "look" if tally.positive_count > 1 else "looks"
    number = f"{tally.positive_count:,}" if tally.positive_count else "None"
    return f"{number} of {tally.rbc_count:,} red cells {looks} infected"


def _gametocytes(tally: Tally) -> str:
    """Parasites were seen, so the verdict stands; who reads it must know which."""
    found = tally.stage_counts[GAMETOCYTE]
    if not found:
        return ""
    if found == tally.positive_count:
        return " All of them look like gametocytes."
    looks = "look like gametocytes" if found > 1 else "looks like a gametocyte"
    return f" {found:,} of them {looks}."


def _uncounted(tally: Tally) -> str:
    if not tally.uncounted_suspects:
        return ""
    return (
        f", besides {tally.uncounted_suspects:,} not counted (cut by a field's edge or unlike any "
        "red cell)"
    )


def _decide_no_smear(tally: Tally) -> tuple[str, str] | None:
    """A refusal where most fields speak against the slide; None where they do not."""
    why = against_slide(tally.reasons, tally.fields_read + tally.fields_refused)
    if not why:
        return None
    if tally.positive_count or tally.uncounted_suspects:
        seen = f"{_counted(tally)}{_uncounted(tally)}"
        return "refused", f"{why}. On the others, {seen}: have the suspect cells reviewed."
    return "refused", f"{why}."


def _decide_nothing_counted(tally: Tally) -> tuple[str, str]:
    if tally.fields_refused:
        reason, times = Counter(tally.reasons).most_common(1)[0]
        return "refused", (
            f"No field could be read ({tally.fields_refused} refused); most often "
            f"({times}): {reason}"
        )
    if tally.fields_read:
        return "inconclusive", "No whole red cell was found on the fields read."
    return "inconclusive", "No field has been read yet."
