"""Which rules a slide is counted by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import request
from werkzeug.wrappers import Response

from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError
from edge.protocol import Protocol
from edge.protocol.library import load_any, load_protocol, protocol_names, shipped_names
from web_ui.context import context
from web_ui.device import device
from web_ui.settings.common import back, page
from web_ui.settings.common import save as save_config


@dataclass(frozen=True)
class Choice:
    """A protocol to choose; `problem` says why it cannot be."""

    name: str
    protocol: Protocol | None = None
    problem: str = ""


def show() -> Response:
    """All that there are."""
    return _page()


def save() -> Response:
    """Counts the next slide by another one."""
    name = request.form.get("protocol", "")
    try:
        load_protocol(name, context().store.home)
        save_config({"protocol": name}, {"protocol": name}, _take_up)
    except ClinicScopeError as error:
        return _page(error)
    return back("protocol")


def _take_up(config: DeviceConfig) -> None:
    context().service.use_protocol(config.protocol)


def _page(error: ClinicScopeError | None = None) -> Response:
    current = device().live.current.protocol
    choices = list_choices(context().store.home)
    own = current if all(choice.name != current.name for choice in choices) else None
    return page("protocol.html", error, choices=choices, current=current, own=own)


def list_choices(home: Path) -> list[Choice]:
    """Protocols for thin smears, those that ship first; a site's broken one with its fault."""
    choices = []
    for name in protocol_names(home):
        try:
            found = load_any(name, home)
        except ClinicScopeError as error:
            if name not in shipped_names():
                choices.append(Choice(name, problem=str(error)))
            continue
        if isinstance(found, Protocol):
            choices.append(Choice(name, found))
    return choices
