"""Settings: who uses the device, how it counts, what it looks through, and which network decides.

One blueprint; each page's views are in a module of its own, and here is which address is whose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint

from web_ui.settings import (
    camera,
    clinic,
    models,
    network,
    overview,
    program,
    protocol,
    tokens,
    updates,
    users,
)

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

View = Callable[..., Any]
# Address, endpoint, view.
_PAGES: tuple[tuple[str, str, View], ...] = (
    ("", "show", overview.show),
    ("/clinic", "clinic", clinic.show),
    ("/users", "users", users.show),
    ("/protocol", "protocol", protocol.show),
    ("/camera", "camera", camera.show),
    ("/models", "models", models.show),
    ("/models/<bundle_id>", "model", models.show_one),
    ("/network", "network", network.show),
    ("/password", "own_password", users.show_own),
    ("/network/code.svg", "network_code", network.code),
    ("/network/hotspot.svg", "hotspot_code", network.hotspot_code),
    ("/network/page.svg", "page_code", network.page_code),
    ("/network/label", "label", network.label),
    ("/tokens", "tokens", tokens.show),
    ("/restart", "restarting", overview.restarting),
)
_ACTIONS: tuple[tuple[str, str, View], ...] = (
    ("/clinic", "save_clinic", clinic.save),
    ("/users", "add_user", users.add),
    ("/users/<int:user_id>/role", "change_role", users.change_role),
    ("/users/<int:user_id>/password", "set_password", users.set_password),
    ("/users/<int:user_id>/access", "change_access", users.change_access),
    ("/protocol", "save_protocol", protocol.save),
    ("/camera", "save_camera", camera.save),
    ("/models/<bundle_id>/activate", "activate_model", models.activate_one),
    ("/models/install", "install_update", updates.install),
    ("/models/sticks", "check_sticks", updates.check_sticks),
    ("/models/program-back", "go_back", program.go_back),
    ("/models/roll-back", "roll_back_model", models.roll_back_task),
    ("/password", "save_own_password", users.set_own),
    ("/tokens", "add_token", tokens.add),
    ("/tokens/<int:token_id>/revoke", "revoke_token", tokens.revoke),
    ("/restart", "restart", overview.restart),
)
for _address, _endpoint, _view in _PAGES:
    blueprint.add_url_rule(_address, _endpoint, _view)
for _address, _endpoint, _view in _ACTIONS:
    blueprint.add_url_rule(_address, _endpoint, _view, methods=["POST"])
