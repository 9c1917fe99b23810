"""The label that most likely comes next: clinics number their slides. Pure."""

from __future__ import annotations

import re

from web_ui.forms import MAX_LABEL_CHARACTERS

_NUMBER = re.compile(r"^(.*?)(\d{1,9})$", re.DOTALL)


def next_label(before: str) -> str:
    """The label after this one, "S-0142" to "S-0143"; empty where it ends with no number."""
    found = _NUMBER.match(before)
    if found is None:
        return ""
    start, digits = found.groups()
    label = f"{start}{int(digits) + 1:0{len(digits)}d}"
    return label if len(label) <= MAX_LABEL_CHARACTERS else ""
