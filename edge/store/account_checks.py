"""Who may use the device is as the log tells it: a row that was changed or slipped in is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.store.account_schema import ApiTokenRow, UserRow
from edge.store.clinic_schema import AuditRow, digest

# Actions whose line tells the whole of what someone may do from then on.
USER_CHANGES = ("user.added", "user.disabled", "user.enabled", "user.password", "user.role")
TOKEN_CHANGES = ("token.created", "token.revoked")


def rights_of_user(row: UserRow) -> dict[str, Any]:
    """What the log keeps of a person; of her password's salted hash a hash again."""
    told = {name: getattr(row, name) for name in ("name", "role", "disabled")}
    return told | {"password_sha256": digest(row.password_hash)}


def rights_of_token(row: ApiTokenRow) -> dict[str, Any]:
    """What the log keeps of a token; its secret is too long to be guessed from a hash."""
    return {name: getattr(row, name) for name in ("name", "scopes", "revoked", "sha256")}


def altered_accounts(session: Session) -> Iterator[str]:
    """People and tokens that differ from what the log says of them, in words."""
    users = {f"user:{row.user_id}": rights_of_user(row) for row in session.scalars(select(UserRow))}
    yield from _altered("user", users, _told(session, USER_CHANGES))
    tokens = session.scalars(select(ApiTokenRow))
    rights = {f"token:{row.token_id}": rights_of_token(row) for row in tokens}
    yield from _altered("token", rights, _told(session, TOKEN_CHANGES))


def _told(session: Session, actions: tuple[str, ...]) -> dict[str, tuple[int, dict[str, Any]]]:
    """By subject the newest line about it: its number and what it tells."""
    query = select(AuditRow.subject, AuditRow.number, AuditRow.detail)
    query = query.where(AuditRow.action.in_(actions)).order_by(AuditRow.number)
    return {subject: (number, detail) for subject, number, detail in session.execute(query)}


def _altered(
    kind: str, rights: dict[str, dict[str, Any]], told: dict[str, tuple[int, dict[str, Any]]]
) -> Iterator[str]:
    for subject, found in rights.items():
        number, expected = told.get(subject, (0, {}))
        if not number:
            yield f"{kind} {found['name']!r} has no line in the audit log"
        elif expected != found:
            yield f"{kind} {found['name']!r} is not what line {number} of the audit log tells"
    for subject in told.keys() - rights.keys():
        yield f"{subject}, told by line {told[subject][0]} of the audit log, is missing"
