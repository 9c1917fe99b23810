"""The one-page report of a specimen as a file, and a month's summary as page and file."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from edge.contract.errors import DataError, NotFoundError
from edge.reports.content import read_content
from edge.reports.monthly import plots
from edge.reports.monthly.counts import Month, read_month
from edge.reports.monthly.lines import agreement_rows, count_rows, named
from edge.reports.page import render, render_summary
from web_ui.context import context
from web_ui.language import current_language, said

blueprint = Blueprint("reports", __name__, url_prefix="/specimens/<specimen_id>")
monthly = Blueprint("monthly", __name__, url_prefix="/summary")


@blueprint.get("/report.pdf")
def pdf(specimen_id: str) -> Response:
    """As PDF, shown by the browser."""
    return _file(specimen_id, "pdf", "inline")


@blueprint.get("/report.html")
def html(specimen_id: str) -> Response:
    """As one HTML file, to be saved: its own style and pictures are inside."""
    return _file(specimen_id, "html", "attachment")


def _file(specimen_id: str, suffix: str, how: str) -> Response:
    content = read_content(context().store, specimen_id, context().service.protocol)
    return _answer(
        render(content, suffix, current_language()), f"clinicscope-{specimen_id}.{suffix}", how
    )


def _answer(data: bytes, name: str, how: str) -> Response:
    kind = "application/pdf" if name.endswith(".pdf") else "text/html; charset=utf-8"
    response = Response(data, content_type=kind)
    response.headers["Content-Disposition"] = f'{how}; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@monthly.get("")
def show() -> Response:
    """A month in figures and plots; this month where none is asked for."""
    asked = request.args.get("month", "").strip() or context().store.now()[:7]
    try:
        found = _month(asked)
    except DataError as error:
        page = render_template(
            "summary.html", month=None, asked=asked[:40], problem=said(f"{error}.")
        )
        return make_response(page, 422)
    language = current_language()
    return make_response(
        render_template(
            "summary.html",
            month=found,
            asked=asked,
            counts=count_rows(found, language),
            agreement=agreement_rows(found, language),
            groups=[named(one, language) for one in (found.by_age, found.by_sex, found.by_site)],
            days=plots.day_plot(found.days),
            plots=plots,
        )
    )


@monthly.get("/<month>.pdf")
def month_pdf(month: str) -> Response:
    """The same as PDF."""
    try:
        found = _month(month)
    except DataError as error:
        raise NotFoundError(str(error)) from error
    data = render_summary(found, context().store.now(), current_language())
    return _answer(data, f"clinicscope-{found.month}.pdf", "inline")


def _month(month: str) -> Month:
    return read_month(context().store, month, context().service.protocol)
