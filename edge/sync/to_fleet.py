"""Lays a device's inventory on a server that takes files (WebDAV's PUT), and reads it back."""

from __future__ import annotations

import json
from urllib.parse import quote

from edge.sync.http import NotDeliveredError, ask, expect
from edge.sync.settings import Target


def send(target: Target, payload: bytes) -> None:
    """Returns once the server has the inventory as it was sent.

    Raises:
        NotDeliveredError: it has not, or does not show that it has.
    """
    sent = json.loads(payload)
    path = f"/{quote(str(sent['device_name']), safe='')}.json"
    answer = ask(target, "PUT", path, payload, {"Content-Type": "application/json"})
    expect(answer, (200, 201, 204))
    found = ask(target, "GET", path, None, {"Cache-Control": "no-cache"})
    expect(found, (200,), frozenset())
    if found.json() != sent:
        raise NotDeliveredError("asked back, it has another inventory than the one that was sent")
