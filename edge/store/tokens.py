"""The tokens of programs that ask the device, each with scopes. Of a secret only its hash is kept.

What changes is a line of the log.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import DataError, NotFoundError, StorageFullError
from edge.store.account_checks import rights_of_token
from edge.store.account_schema import ApiTokenRow
from edge.store.audit import write_entry
from edge.store.queries import MAX_INTEGER
from edge.store.text_rules import check_choice, check_name

if TYPE_CHECKING:
    from edge.store.store import Store

PREDICT, SPECIMENS, RESULTS, HEALTH, METRICS = SCOPES = (
    "predict",
    "specimens",
    "results",
    "health",
    "metrics",
)
_SECRET_START = "cs_"
# When a token was last used is told to the minute: a program may ask many times a second.
_USED_EVERY_S = 60


@dataclass(frozen=True)
class ApiToken:
    """A program's token; the secret itself is shown once and kept nowhere."""

    token_id: int
    name: str
    scopes: tuple[str, ...]
    created_utc: str
    last_used_utc: str | None
    revoked: bool


class Tokens:
    """The tokens of programs that ask this device."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: str, scopes: Iterable[str], by: str) -> tuple[ApiToken, str]:
        """A new token and its secret, which is never told again.

        Raises:
            DataError: a name that is not taken, no scope, or one that there is not.
        """
        name = check_name(name, "name of the token")
        chosen = sorted({check_choice(scope, SCOPES, "scope") for scope in scopes})
        if not chosen:
            raise DataError(f"the token has no scope; give at least one of {', '.join(SCOPES)}")
        secret = _SECRET_START + secrets.token_urlsafe(32)
        with self._store.session(writes=True) as session:
            row = ApiTokenRow(
                name=name,
                sha256=_sha256(secret),
                scopes=" ".join(chosen),
                created_utc=self._store.now(),
                last_used_utc=None,
                revoked=False,
            )
            session.add(row)
            session.flush()
            self._log(session, by, "token.created", row)
            return _token(row), secret

    def find(self, secret: str) -> ApiToken | None:
        """The token of a secret, noted as used; None where there is none or it was revoked."""
        with self._store.session() as session:
            query = select(ApiTokenRow).where(ApiTokenRow.sha256 == _sha256(secret))
            row = session.scalars(query).first()
        if row is None or row.revoked:
            return None
        now = self._store.now()
        if row.last_used_utc is None or _seconds(row.last_used_utc, now) >= _USED_EVERY_S:
            # A full disk keeps no program from what it may read.
            with suppress(StorageFullError), self._store.session(writes=True) as session:
                row = _get(session, row.token_id)
                row.last_used_utc = now
        return None if row.revoked else _token(row)

    def revoke(self, token_id: int, by: str) -> ApiToken:
        """Ends a token for good. Raises NotFoundError."""
        with self._store.session(writes=True) as session:
            row = _get(session, token_id)
            if not row.revoked:
                row.revoked = True
                self._log(session, by, "token.revoked", row)
            return _token(row)

    def all(self) -> list[ApiToken]:
        """Every token, the revoked ones too, newest first."""
        with self._store.session() as session:
            rows = session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.token_id.desc()))
            return [_token(row) for row in rows]

    def _log(self, session: Session, by: str, action: str, row: ApiTokenRow) -> None:
        subject = f"token:{row.token_id}"
        write_entry(session, self._store.now(), by, action, subject, rights_of_token(row))


def _get(session: Session, token_id: int) -> ApiTokenRow:
    row = session.get(ApiTokenRow, token_id) if 0 <= token_id <= MAX_INTEGER else None
    if row is None:
        raise NotFoundError(f"there is no token {token_id}")
    return row


def _token(row: ApiTokenRow) -> ApiToken:
    plain = row.values()
    del plain["sha256"]
    return ApiToken(**plain | {"scopes": tuple(row.scopes.split())})


def _sha256(secret: str) -> str:
    # A secret of 256 random bits needs no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _seconds(earlier: str, later: str) -> float:
    # A clock that was set back counts, too.
    return abs((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
