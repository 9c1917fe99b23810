"""The stages of suspect cells as a page shows them, in plain words. Names none itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.contract.labels import ASEXUAL_STAGES, GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext

_NAMES = {
    RING: lazy_gettext("Ring"),
    TROPHOZOITE: lazy_gettext("Trophozoite"),
    SCHIZONT: lazy_gettext("Schizont"),
    GAMETOCYTE: lazy_gettext("Gametocyte"),
}
_MEANINGS = {
    RING: lazy_gettext("young parasite"),
    TROPHOZOITE: lazy_gettext("growing parasite"),
    SCHIZONT: lazy_gettext("dividing parasite"),
    GAMETOCYTE: lazy_gettext("passes on to mosquitoes; not part of the parasite density"),
}


@dataclass(frozen=True)
class StageLine:
    """A stage, what it is, and how many suspect cells look like it."""

    stage: str
    name: str
    meaning: str
    count: int


def stage_lines(report: dict[str, Any]) -> list[StageLine]:
    """The stages that count toward density, then cells of no clear stage, then gametocytes.

    Args:
        report: `SlideReport.to_json()`, also one of before there were stages.

    Returns:
        nothing where stages were not told apart, or where no cell is suspect.
    """
    counts = report.get("stage_counts")
    if not counts or not report["positive_count"]:
        return []
    unnamed = report["positive_count"] - sum(counts.values())
    lines = [_line(stage, counts[stage]) for stage in ASEXUAL_STAGES]
    lines.append(StageLine("unnamed", _("Stage not clear"), _("suspect all the same"), unnamed))
    return [*lines, _line(GAMETOCYTE, counts[GAMETOCYTE])]


def _line(stage: str, count: int) -> StageLine:
    return StageLine(stage, stage_name(stage), str(_MEANINGS[stage]), count)


def stage_name(label: str) -> str:
    """The stage that a cell's label names, empty where it names none."""
    return str(_NAMES.get(label, ""))
