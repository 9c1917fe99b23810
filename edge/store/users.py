"""The people who may use the device: each with a role and a password.

Every change is a line of the log. A person is never deleted, for what she decided names her.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError, NotFoundError
from edge.store.account_checks import rights_of_user
from edge.store.account_schema import UserRow
from edge.store.audit import write_entry
from edge.store.passwords import Cost, check_password, decoy, hash_password, matches
from edge.store.queries import MAX_INTEGER
from edge.store.text_rules import check_choice, check_name

if TYPE_CHECKING:
    from edge.store.store import Store

# Each may do what those before it may.
OPERATOR, REVIEWER, ADMIN = ROLES = ("operator", "reviewer", "admin")
COST = Cost()


@dataclass(frozen=True)
class User:
    """A person.

    Attributes:
        language: of her pages, such as "sw"; empty where she chose none.
        disabled: may not log in any more.
        stamp: changes with password, role and disabling; what was allowed under another is over.
    """

    user_id: int
    name: str
    role: str
    language: str
    created_utc: str
    disabled: bool
    stamp: str = ""

    def may(self, least: str) -> bool:
        """Whether her role is at least this one."""
        return not self.disabled and ROLES.index(self.role) >= ROLES.index(least)


class Users:
    """The people of one device.

    Args:
        store: where they are kept.
        cost: of hashing a new password; None for COST.
    """

    def __init__(self, store: Store, cost: Cost | None = None) -> None:
        self._store = store
        self._cost = cost or COST

    def add(self, name: str, role: str, password: str, by: str, language: str = "") -> User:
        """A new person.

        Raises:
            ConflictError: another one, or a disabled one, has this name.
            DataError: a name, role or password that is not taken.
        """
        with self._adding(name, role, password, language) as (session, row):
            self._log(session, by, "user.added", row)
            return _user(row)

    def add_first(self, name: str, password: str, language: str = "") -> User:
        """The first person, an admin, whom nobody vouches for.

        Raises:
            ConflictError: there is someone already.
            DataError: a name or password that is not taken.
        """
        with self._adding(name, ADMIN, password, language) as (session, row):
            if session.scalar(select(func.count()).select_from(UserRow)) != 1:
                raise ConflictError("this device has users already; log in as one of them")
            self._log(session, row.name, "user.added", row)
            return _user(row)

    @contextmanager
    def _adding(
        self, name: str, role: str, password: str, language: str
    ) -> Iterator[tuple[Session, UserRow]]:
        name = check_name(name, "name")
        check_choice(role, ROLES, "role")
        row = UserRow(
            name=name,
            name_key=_key(name),
            password_hash=hash_password(check_password(password, name), self._cost),
            role=role,
            language=language,
            created_utc=self._store.now(),
            disabled=False,
            stamp=_stamp(),
        )
        with self._store.session(writes=True) as session:
            if _find(session, name) is not None:
                raise ConflictError(f"there is a user {name!r} already; choose another name")
            session.add(row)
            session.flush()
            yield session, row

    def check_password(self, name: str, password: str) -> User | None:
        """The person of a name and password; None where they are wrong or she is disabled.

        A name that nobody has takes as long as a wrong password.
        """
        with self._store.session() as session:
            row = _find(session, name)
        kept = row.password_hash if row else decoy(self._cost)
        right = matches(password, kept)
        return _user(row) if row and right and not row.disabled else None

    def set_password(self, user_id: int, password: str, by: str) -> User:
        """Replaces a password; every session under the old one is over.

        Raises:
            NotFoundError: no such person.
            DataError: a password that is not taken.
        """
        kept = hash_password(check_password(password, self.get(user_id).name), self._cost)
        with self._store.session(writes=True) as session:
            row = _get(session, user_id)
            row.password_hash, row.stamp = kept, _stamp()
            self._log(session, by, "user.password", row)
            return _user(row)

    def change_role(self, user_id: int, role: str, by: str) -> User:
        """Gives another role.

        Raises:
            NotFoundError: no such person.
            ConflictError: she is the last admin.
            DataError: no such role.
        """
        check_choice(role, ROLES, "role")
        with self._store.session(writes=True) as session:
            row = _get(session, user_id)
            if role != ADMIN:
                _refuse_last_admin(session, row)
            if row.role != role:
                row.role, row.stamp = role, _stamp()
                self._log(session, by, "user.role", row)
            return _user(row)

    def disable(self, user_id: int, by: str, *, disabled: bool = True) -> User:
        """Takes the right to log in, or gives it back.

        Raises:
            NotFoundError: no such person.
            ConflictError: she is the last admin.
        """
        with self._store.session(writes=True) as session:
            row = _get(session, user_id)
            if disabled:
                _refuse_last_admin(session, row)
            if row.disabled != disabled:
                row.disabled, row.stamp = disabled, _stamp()
                self._log(session, by, "user.disabled" if disabled else "user.enabled", row)
            return _user(row)

    def set_language(self, user_id: int, language: str) -> User:
        """Remembers the language of her pages. Raises NotFoundError."""
        with self._store.session(writes=True) as session:
            row = _get(session, user_id)
            row.language = language
            return _user(row)

    def get(self, user_id: int) -> User:
        """One person. Raises NotFoundError."""
        with self._store.session() as session:
            return _user(_get(session, user_id))

    def named(self, name: str) -> User:
        """The person of a name, whatever its letters' case. Raises NotFoundError."""
        with self._store.session() as session:
            row = _find(session, name)
            if row is None:
                raise NotFoundError(f"there is no user {name[:80]!r}; `clinicscope users list`")
            return _user(row)

    def all(self) -> list[User]:
        """Everyone, the disabled ones too, by name."""
        with self._store.session() as session:
            rows = session.scalars(select(UserRow).order_by(UserRow.name_key))
            return [_user(row) for row in rows]

    def exist(self) -> bool:
        """Whether anyone was ever added; until then the device is not set up."""
        with self._store.session() as session:
            return session.scalars(select(UserRow.user_id).limit(1)).first() is not None

    def _log(self, session: Session, by: str, action: str, row: UserRow) -> None:
        subject = f"user:{row.user_id}"
        write_entry(session, self._store.now(), by, action, subject, rights_of_user(row))


def _key(name: str) -> str:
    # A phone's keyboard begins a name with a capital, and types a letter in one of several ways.
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _find(session: Session, name: str) -> UserRow | None:
    return session.scalars(select(UserRow).where(UserRow.name_key == _key(name))).first()


def _get(session: Session, user_id: int) -> UserRow:
    row = session.get(UserRow, user_id) if 0 <= user_id <= MAX_INTEGER else None
    if row is None:
        raise NotFoundError(f"there is no user {user_id}; `clinicscope users list` shows all")
    return row


def _refuse_last_admin(session: Session, row: UserRow) -> None:
    """Raises ConflictError where no other admin could set anything right again."""
    others = select(func.count()).select_from(UserRow)
    others = others.where(UserRow.role == ADMIN, ~UserRow.disabled, UserRow.user_id != row.user_id)
    if row.role == ADMIN and not row.disabled and not session.scalar(others):
        raise ConflictError(f"{row.name} is the last admin; make another one first")


def _user(row: UserRow) -> User:
    plain = row.values()
    for name in ("name_key", "password_hash"):
        del plain[name]
    return User(**plain)


def _stamp() -> str:
    return secrets.token_hex(8)
