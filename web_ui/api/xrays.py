"""Chest X-rays of a patient: sent here, then followed and read as any specimen."""

from __future__ import annotations

from flask import url_for

from edge.store.tokens import SPECIMENS
from edge.xray.service import MOST_BYTES, MOST_PICTURES, XrayRequest
from web_ui.api.asked import NewXray
from web_ui.api.operations import PICTURES, Body, Created, Given, operation
from web_ui.api.specimens import checked_label, details_of, specimen_value
from web_ui.api.values import Specimen
from web_ui.context import context
from web_ui.uploads import named_contents
from web_ui.viewing import view_specimen

# Beside the pictures a form has its fields and the lines between them.
_FORM_BYTES = 1024 * 1024


@operation(
    "/xrays",
    "POST",
    tag="specimens",
    scope=SPECIMENS,
    body=Body(
        form=NewXray,
        files="images",
        most_files=MOST_PICTURES,
        max_bytes=MOST_PICTURES * MOST_BYTES + _FORM_BYTES,
        kinds=PICTURES,
    ),
    answer=Specimen,
    code=201,
    refusals={
        409: "The register has no such patient.",
        503: "The task's bundle must not be used.",
        507: "The device is full.",
    },
)
def start_xray(given: Given) -> Created:
    """Starts a specimen of one person's chest X-rays; they are read one after the other."""
    asked: NewXray = given.values
    label, details = checked_label(asked.label), details_of(asked)
    contents = named_contents(given.files, MOST_BYTES)
    wanted = XrayRequest(label, asked.task, contents, details)
    specimen_id, _ = context().pictures.xrays.start(wanted)
    made = view_specimen(context().service, specimen_id)
    return Created(specimen_value(made), url_for("api.show_specimen", specimen_id=specimen_id))
