"""Signing: a named person makes a result final, or changes one that is, with a reason."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import ConflictError, DataError
from edge.signing import amend, may_be_negative, read_review, sign
from edge.store.records import CHEST_XRAY, VERDICTS
from web_ui.context import context
from web_ui.language import said
from web_ui.person import person
from web_ui.words import verdict_text
from web_ui.xray_words import xray_verdict

blueprint = Blueprint("signing", __name__, url_prefix="/specimens/<specimen_id>")


@blueprint.get("/sign")
def show(specimen_id: str) -> str:
    """What a signature would make final, or why there can be none yet."""
    return _sign_page(specimen_id)


@blueprint.post("/sign")
def store_signature(specimen_id: str) -> Response:
    """Makes the result final; the page again where that cannot be."""
    try:
        sign(context().store, specimen_id, person(), context().service.protocol, _seen_version())
    except (ConflictError, DataError) as error:
        return make_response(_sign_page(specimen_id, said(f"{error}.")), _code(error))
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)


@blueprint.get("/amend")
def show_amendment(specimen_id: str) -> str:
    """The form of a change."""
    return _amend_page(specimen_id)


@blueprint.post("/amend")
def store_amendment(specimen_id: str) -> Response:
    """Changes a signed result; the page again where that cannot be."""
    form = request.form
    try:
        amend(
            context().store,
            specimen_id,
            person(),
            form.get("reason", "").replace("\r\n", "\n").strip(),
            form.get("verdict", ""),
            context().service.protocol,
            _seen_version(),
        )
    except (ConflictError, DataError) as error:
        return make_response(_amend_page(specimen_id, said(f"{error}.")), _code(error))
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)


def _seen_version() -> int:
    # A form without it saw nothing, and no specimen has that version.
    return request.form.get("version", default=0, type=int)


def _code(error: Exception) -> int:
    return 409 if isinstance(error, ConflictError) else 422


def _sign_page(specimen_id: str, problem: str = "") -> str:
    found = read_review(context().store, specimen_id, context().service.protocol)
    report = found.report
    text = None
    if report and found.specimen.task == CHEST_XRAY:
        text = xray_verdict(report.verdict, report.finding, reviewed=report.reviewed_count > 0)
    elif report:
        text = verdict_text(report.verdict, report.rbc_count, reviewed=True)
    return render_template("sign.html", found=found, report=report, text=text, problem=problem)


def _amend_page(specimen_id: str, problem: str = "") -> str:
    found = read_review(context().store, specimen_id, context().service.protocol)
    allowed = [name for name in VERDICTS if name != "negative" or may_be_negative(found)]
    return render_template(
        "amend.html",
        found=found,
        allowed=allowed,
        reason=request.form.get("reason", ""),
        chosen=request.form.get("verdict")
        or (found.result.report["verdict"] if found.result else ""),
        problem=problem,
    )
