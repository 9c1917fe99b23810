"""The form of a new specimen: text as it came to checked values, or a message for each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web_ui.language import gettext as _
from web_ui.words import number

MAX_LABEL_CHARACTERS = 60
MAX_FIELDS = 60
MAX_SEED = 2**31 - 1
MAX_FILES = 500
DEFAULTS = {
    "label": "",
    "source": "simulated",
    "seed": "1",
    "parasitaemia_percent": "4",
    "fields": "",
}


def defaults(has_camera: bool) -> dict[str, str]:
    """What an empty form shows: the device's camera where it has one."""
    return DEFAULTS | ({"source": "camera"} if has_camera else {})


@dataclass(frozen=True)
class FormResult:
    """What a form gave.

    Attributes:
        values: the text of each input, to be shown again.
        settings: the simulated camera's settings; empty for the others.
        errors: a message for each input that is wrong.
    """

    values: dict[str, str]
    settings: dict[str, Any]
    errors: dict[str, str]


def clean_label(text: str) -> str:
    """A label on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def read_form(form: Mapping[str, str], file_count: int, has_camera: bool = False) -> FormResult:
    """Checks a new specimen.

    Args:
        form: the inputs as text.
        file_count: how many files came with it.
        has_camera: the device has a camera of its own.
    """
    values = {name: form.get(name, default).strip() for name, default in DEFAULTS.items()}
    values["label"] = clean_label(values["label"] or form.get("barcode", ""))
    errors: dict[str, str] = {}
    if not values["label"]:
        errors["label"] = _("Write what stands on the slide, such as S-0142, or give its barcode.")
    elif len(values["label"]) > MAX_LABEL_CHARACTERS:
        errors["label"] = _("Keep the label to %(count)s characters.", count=MAX_LABEL_CHARACTERS)
    if values["source"] == "simulated":
        return FormResult(values, _read_simulated(values, errors), errors)
    if values["source"] == "upload":
        _check_files(file_count, errors)
    elif values["source"] != "camera" or not has_camera:
        errors["source"] = _("Choose where the fields come from.")
    return FormResult(values, {}, errors)


def _read_simulated(values: dict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    seed = _number(values["seed"])
    if seed is None or not seed.is_integer() or not 0 <= seed <= MAX_SEED:
        errors["seed"] = _("Give a whole number from 0 to %(high)s.", high=number(MAX_SEED))
    else:
        settings["seed"] = int(seed)
    percent = _number(values["parasitaemia_percent"])
    if percent is None or not 0 <= percent <= 100:
        errors["parasitaemia_percent"] = _("Give a percentage from 0 to 100.")
    else:
        settings["parasitaemia_fraction"] = percent / 100
    if values["fields"]:
        fields = _number(values["fields"])
        if fields is None or not fields.is_integer() or not 1 <= fields <= MAX_FIELDS:
            errors["fields"] = _(
                "Give a whole number from 1 to %(high)s, or leave it empty.", high=MAX_FIELDS
            )
        else:
            settings["fields"] = int(fields)
    return settings


def _number(text: str) -> float | None:
    # Many keyboards have a comma where others have a point. "nan" and "inf" compare false below.
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _check_files(file_count: int, errors: dict[str, str]) -> None:
    if not file_count:
        errors["images"] = _("Choose at least one field image.")
    elif file_count > MAX_FILES:
        errors["images"] = _("Choose at most %(count)s images at once.", count=MAX_FILES)
