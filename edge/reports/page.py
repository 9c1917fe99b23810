"""A specimen's report as a file; as HTML, one that is self-contained and prints on one page."""

from __future__ import annotations

import base64
from importlib.resources import files

from jinja2 import Environment

from edge.language import ENGLISH, language_of
from edge.reports.content import SpecimenContent
from edge.reports.lines import caption, lines_of, shown
from edge.reports.monthly.counts import Month

SUFFIXES = ("pdf", "html")


def render(content: SpecimenContent, suffix: str, language: str = ENGLISH) -> bytes:
    """The file, of one of SUFFIXES, in a language."""
    if suffix == "html":
        # A file name on a label may hold what UTF-8 cannot say.
        return render_html(content, language).encode(errors="replace")
    # What writes PDF is large, and a device that prints none starts without it.
    from edge.reports.pdf import render_pdf

    return render_pdf(content, language)


def render_summary(month: Month, made_utc: str, language: str = ENGLISH) -> bytes:
    """A month's summary as PDF, in a language."""
    from edge.reports.monthly.pdf import render_month

    return render_month(month, made_utc, language)


def render_html(content: SpecimenContent, language: str = ENGLISH) -> str:
    """The page in a language. All text is escaped; pictures are inside."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = files("edge").joinpath("templates/specimen.html").read_text(encoding="utf-8")
    lines = lines_of(content, language)
    return environment.from_string(template).render(
        lines=lines,
        language=language_of(language),
        _=lines.say,
        shown=shown(content, lines),
        content=content,
        chart=content.chart,
        notice=lines.notice,
        captions=[caption(picture, lines.words, language) for picture in content.pictures],
        data_uri=_data_uri,
    )


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
