"""A specimen's report as a file; as HTML, one that is self-contained and prints on one page."""

from __future__ import annotations

import base64
from importlib.resources import files

from jinja2 import Environment

from edge.reports.content import SpecimenContent
from edge.reports.lines import NOTICE, caption, lines_of
from edge.reports.monthly.counts import Month

SUFFIXES = ("pdf", "html")


def render(content: SpecimenContent, suffix: str) -> bytes:
    """The file, of one of SUFFIXES."""
    if suffix == "html":
        # A file name on a label may hold what UTF-8 cannot say.
        return render_html(content).encode(errors="replace")
    # What writes PDF is large, and a device that prints none starts without it.
    from edge.reports.pdf import render_pdf

    return render_pdf(content)


def render_summary(month: Month, made_utc: str) -> bytes:
    """A month's summary as PDF."""
    from edge.reports.monthly.pdf import render_month

    return render_month(month, made_utc)


def render_html(content: SpecimenContent) -> str:
    """The page. All text is escaped; pictures are inside."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = files("edge").joinpath("templates/specimen.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        lines=lines_of(content),
        content=content,
        chart=content.chart,
        notice=NOTICE,
        caption=caption,
        data_uri=_data_uri,
    )


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
