"""One request and its whole answer, within a time; nothing is followed, nothing is believed yet."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from edge.contract.errors import ClinicScopeError, ConfigError
from edge.sync.settings import Target

_MOST_BYTES = 16_000_000
_PIECE = 65_536
# The receiver read it and will not have it: the same bytes will be refused again.
_REFUSALS = frozenset({400, 413, 422})


class NotDeliveredError(ClinicScopeError):
    """A receiver has not acknowledged an item.

    Attributes:
        refused: it will not take these bytes; a person must act.
        unreachable: it cannot be asked for anything else now either.
    """

    def __init__(self, why: str, *, refused: bool = False, unreachable: bool = False) -> None:
        super().__init__(why)
        self.refused = refused
        self.unreachable = unreachable


@dataclass(frozen=True)
class Answer:
    """What came back, of any status."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises NotDeliveredError where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise NotDeliveredError(f"answered {self.status} with no JSON: {self.told}") from error
        if not isinstance(found, dict):
            raise NotDeliveredError(f"answered {self.status} with JSON that is no object")
        return found

    @property
    def told(self) -> str:
        """The begin of the body, for a message."""
        return repr(self.body[:200].decode("utf-8", "replace"))


class _NotFollowing(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: a page for logging in is no acknowledgement."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    target: Target,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Asks a receiver.

    Args:
        path: below its base, with its question.

    Raises:
        NotDeliveredError: no whole answer came in time.
        ConfigError: its certificates cannot be read.
    """
    url = target.url.rstrip("/") + path
    request = urllib.request.Request(url, body, _authorised(target, headers or {}), method=method)
    deadline = time.monotonic() + target.timeout_s
    try:
        return _answer(target, request, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise NotDeliveredError(f"no answer from {target.url}: {why}", unreachable=True) from error


def _answer(target: Target, request: urllib.request.Request, deadline: float) -> Answer:
    opener = urllib.request.build_opener(
        _NotFollowing, urllib.request.HTTPSHandler(context=_context(target))
    )
    try:
        with opener.open(request, timeout=target.timeout_s) as response:
            return Answer(response.status, _read(response, deadline))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _read(error, deadline))


def _read(response: Any, deadline: float) -> bytes:
    """All of it; a server that drips is given up in time."""
    found = bytearray()
    while piece := response.read1(_PIECE):
        found += piece
        if len(found) > _MOST_BYTES:
            raise ValueError(f"the answer is larger than {_MOST_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer did not end in time")
    length = response.headers.get("Content-Length")
    if length is not None and length.isdecimal() and len(found) < int(length):
        raise ValueError(f"the answer broke off after {len(found):,} of {length} bytes")
    return bytes(found)


def _authorised(target: Target, headers: dict[str, str]) -> dict[str, str]:
    if target.token:
        return headers | {"Authorization": f"Bearer {target.token}"}
    if target.user:
        pair = base64.b64encode(f"{target.user}:{target.password}".encode()).decode()
        return headers | {"Authorization": f"Basic {pair}"}
    return headers


def _context(target: Target) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=target.ca_file or None)
    except OSError as error:
        raise ConfigError(
            f"ca_file {target.ca_file!r} of target {target.name} cannot be read ({error})"
        ) from error


def expect(answer: Answer, allowed: tuple[int, ...], refusals: frozenset[int] = _REFUSALS) -> None:
    """Raises NotDeliveredError for any other status."""
    if answer.status not in allowed:
        raise NotDeliveredError(
            f"answered {answer.status}: {answer.told}",
            refused=answer.status in refusals,
            unreachable=answer.status in (401, 403, 407, 429) or answer.status >= 500,
        )
