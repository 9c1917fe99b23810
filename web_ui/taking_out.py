"""The forms by which records leave the device: what, where to, and who may open it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ClinicScopeError, ConfigError, DataError
from edge.drives import Drive, choose_drive
from edge.interop.age import check_recipients
from edge.interop.export import CSV, DHIS2, DICOM, FHIR, Wanted
from edge.store.text_rules import check_id
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext, said

# Instead of a drive: the browser fetches it.
HERE = "here"
FORMAT_WORDS = {
    CSV: lazy_gettext("Table (CSV), a line for each specimen"),
    FHIR: lazy_gettext("FHIR R4, for a hospital system"),
    DHIS2: lazy_gettext("DHIS2, counts for the ministry"),
    DICOM: lazy_gettext("DICOM, pictures for a PACS"),
}


@dataclass(frozen=True)
class Place:
    """Where a file goes: the folder of a drive, or None to be fetched; and who may open it."""

    folder: Path | None
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class OutForm:
    """What a form gave.

    Attributes:
        values: the text of each input, to be shown again.
        errors: a message for each input that is wrong; the rest holds only where there is none.
    """

    values: dict[str, str]
    errors: dict[str, str]
    place: Place = Place(None, ())
    wanted: Wanted | None = None


def export_defaults(month: str, specimen_id: str) -> dict[str, str]:
    """What an empty form of an export shows."""
    month = "" if specimen_id else month
    return {"month": month, "specimen": specimen_id, "format": CSV} | _place_defaults("")


def backup_defaults(recipients: Sequence[str]) -> dict[str, str]:
    """What an empty form of a backup shows: the config's keys."""
    return _place_defaults("\n".join(recipients))


def read_export(form: Mapping[str, str], drives: Sequence[Drive]) -> OutForm:
    """Checks what is to be exported."""
    values = {name: form.get(name, "").strip() for name in export_defaults("", "")}
    errors: dict[str, str] = {}
    place = _read_place(values, drives, errors)
    wanted = None
    if bool(values["month"]) == bool(values["specimen"]):
        errors["month"] = _("Give either a month or one specimen.")
    else:
        try:
            if values["specimen"]:
                check_id(values["specimen"], "specimen")
            wanted = Wanted(values["format"], values["month"], values["specimen"])
        except (ConfigError, DataError) as error:
            errors["specimen" if values["specimen"] else "month"] = said(f"{error}.")
    return OutForm(values, errors, place, wanted)


def read_backup(form: Mapping[str, str], drives: Sequence[Drive]) -> OutForm:
    """Checks where a backup is to go."""
    values = {name: form.get(name, "").strip() for name in backup_defaults(())}
    errors: dict[str, str] = {}
    return OutForm(values, errors, _read_place(values, drives, errors))


def _place_defaults(recipients: str) -> dict[str, str]:
    return {"to": HERE, "recipients": recipients, "plain": ""}


def _read_place(values: dict[str, str], drives: Sequence[Drive], errors: dict[str, str]) -> Place:
    folder = None
    if values["to"] != HERE:
        try:
            folder = choose_drive(drives, values["to"])
        except ClinicScopeError as error:
            errors["to"] = said(f"{error}.")
    keys = () if values["plain"] else tuple(values["recipients"].split())
    if not keys and not values["plain"]:
        errors["recipients"] = _(
            "Give the public key of who may open it, or choose to leave it open to anyone."
        )
    try:
        check_recipients(keys)
    except ClinicScopeError as error:
        errors["recipients"] = said(f"{error}.")
    return Place(folder, keys)
