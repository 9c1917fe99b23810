"""People and tokens: who is let in, what is refused, and what the log tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.store.account_checks import altered_accounts
from edge.store.account_schema import UserRow
from edge.store.audit import Audit
from edge.store.passwords import Cost, check_password, decoy, hash_password, matches
from edge.store.store import Store
from edge.store.tokens import Tokens
from edge.store.users import ADMIN, OPERATOR, REVIEWER, Users
from tests.support.people import CHEAP, PASSWORD


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home")
    yield store
    store.close()


@pytest.fixture
def users(store: Store) -> Users:
    return Users(store, CHEAP)


def test_right_password_lets_in_whatever_the_names_case(users: Users) -> None:
    added = users.add("Ana  Ç. Okoro", REVIEWER, PASSWORD, "console", "pt")
    assert (added.role, added.language, added.disabled) == (REVIEWER, "pt", False)
    for name in ("Ana  Ç. Okoro", "ana ç. okoro", " ANA C\u0327. OKORO "):
        found = users.check_password(name, PASSWORD)
        assert found == added and users.named(name) == added
    assert users.all() == [added] and users.get(added.user_id) == added


def test_wrong_password_lets_nobody_in(users: Users) -> None:
    users.add("Ana", OPERATOR, PASSWORD, "console")
    for password in ("", "blue kettle", PASSWORD.upper(), PASSWORD + " "):
        assert users.check_password("Ana", password) is None
    assert users.check_password("Nobody", PASSWORD) is None


def test_the_same_password_typed_on_another_keyboard_is_the_same(users: Users) -> None:
    users.add("Ana", OPERATOR, "crème brûlée soup", "console")
    assert users.check_password("Ana", "cre\u0300me bru\u0302le\u0301e soup") is not None


def test_password_is_kept_as_a_hash_with_its_cost_and_salt(store: Store, users: Users) -> None:
    for name in ("Ana", "Ben"):
        users.add(name, OPERATOR, PASSWORD, "console")
    with store.session() as session:
        kept = [row.password_hash for row in session.query(UserRow)]
    assert len(set(kept)) == 2 and all(one.startswith("scrypt$2$1$1$") for one in kept)
    assert PASSWORD.encode() not in store.path.read_bytes()
    assert PASSWORD not in str(Audit(store).entries())


def test_hash_takes_the_memory_that_guessing_must_pay() -> None:
    kept = hash_password(PASSWORD, Cost())
    assert kept.startswith("scrypt$16384$8$5$")
    assert matches(PASSWORD, kept) and not matches(PASSWORD + "x", kept)
    assert not matches(PASSWORD, decoy(CHEAP)) and not matches("", decoy(CHEAP))
    with pytest.raises(ValueError, match="this version knows scrypt"):
        matches(PASSWORD, kept.replace("scrypt", "plain"))


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 201, "passwort", "Password123!", "clinicscope1", "aaaaaaaaaa", "abababab",
     "19870412", "0712345678", "anaokoro1", "AnaOkoro", "malaria2026"],
)  # fmt: skip
def test_first_guesses_are_refused_without_being_told(password: str) -> None:
    with pytest.raises(DataError) as refused:
        check_password(password, "Ana Okoro")
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    ["three brown hens", "malaria under a net", "Ana likes fishing", "8" * 5 + "1234567"],
)
def test_long_enough_passwords_are_taken(password: str) -> None:
    assert check_password(password, "Ana Okoro") == password


def test_what_is_no_name_or_no_password_is_refused(users: Users) -> None:
    for name in ("", "  ", "=1+1", "a\u202eb", "x" * 101, "a\nb"):
        with pytest.raises(DataError):
            users.add(name, OPERATOR, PASSWORD, "console")
    with pytest.raises(DataError):
        users.add("Ana", OPERATOR, "Ana", "console")
    assert not users.exist()


def test_name_is_given_once(users: Users) -> None:
    ana = users.add("Ana", ADMIN, PASSWORD, "console")
    users.disable(users.add("Ben", OPERATOR, PASSWORD, "console").user_id, "Ana")
    for name in ("ANA", "ben"):
        with pytest.raises(ConflictError, match="there is a user"):
            users.add(name, OPERATOR, PASSWORD, "console")
    assert [user.name for user in users.all()] == ["Ana", "Ben"] and users.get(ana.user_id) == ana


def test_first_admin_is_made_once(users: Users) -> None:
    assert not users.exist()
    first = users.add_first("Ana", PASSWORD, "sw")
    assert (first.role, first.language) == (ADMIN, "sw") and users.exist()
    with pytest.raises(ConflictError, match="has users already"):
        users.add_first("Eve", PASSWORD)
    assert users.all() == [first]


def test_unknown_role_is_refused(users: Users) -> None:
    with pytest.raises(DataError, match="role is 'root'"):
        users.add("Ana", "root", PASSWORD, "console")
    ana = users.add("Ana", ADMIN, PASSWORD, "console")
    with pytest.raises(DataError, match="use one of operator, reviewer, admin"):
        users.change_role(ana.user_id, "root", "Ana")


def test_each_role_may_do_what_those_before_it_may(users: Users) -> None:
    made = {
        role: users.add(role, role, PASSWORD, "console") for role in (OPERATOR, REVIEWER, ADMIN)
    }
    allowed = {(role, least): made[role].may(least) for role in made for least in made}
    assert [allowed[OPERATOR, least] for least in made] == [True, False, False]
    assert [allowed[REVIEWER, least] for least in made] == [True, True, False]
    assert [allowed[ADMIN, least] for least in made] == [True, True, True]
    assert not users.disable(made[OPERATOR].user_id, "console").may(OPERATOR)


def test_what_changes_a_persons_rights_changes_her_stamp(users: Users) -> None:
    users.add("Root", ADMIN, PASSWORD, "console")
    ana = users.add("Ana", OPERATOR, PASSWORD, "console")
    stamps = [
        ana.stamp,
        users.set_password(ana.user_id, "three brown hens", "Root").stamp,
        users.change_role(ana.user_id, REVIEWER, "Root").stamp,
        users.disable(ana.user_id, "Root").stamp,
        users.disable(ana.user_id, "Root", disabled=False).stamp,
    ]
    assert len(set(stamps)) == 5
    assert users.change_role(ana.user_id, REVIEWER, "Root").stamp == stamps[-1]
    assert users.set_language(ana.user_id, "ha").stamp == stamps[-1]
    assert users.check_password("Ana", PASSWORD) is None
    assert users.check_password("Ana", "three brown hens") is not None


def test_disabled_person_is_kept_out_and_kept(users: Users) -> None:
    users.add("Root", ADMIN, PASSWORD, "console")
    ana = users.add("Ana", ADMIN, PASSWORD, "console")
    users.disable(ana.user_id, "Root")
    assert users.check_password("Ana", PASSWORD) is None
    assert users.named("Ana").disabled
    users.disable(ana.user_id, "Root", disabled=False)
    assert users.check_password("Ana", PASSWORD) is not None


def test_last_admin_stays(users: Users) -> None:
    ana = users.add("Ana", ADMIN, PASSWORD, "console")
    ben = users.add("Ben", ADMIN, PASSWORD, "console")
    users.disable(ben.user_id, "Ana")
    for change in (lambda: users.disable(ana.user_id, "Ana"),
                   lambda: users.change_role(ana.user_id, OPERATOR, "Ana")):  # fmt: skip
        with pytest.raises(ConflictError, match="Ana is the last admin"):
            change()
    assert users.get(ana.user_id) == ana
    users.disable(ben.user_id, "Ana", disabled=False)
    assert users.change_role(ana.user_id, OPERATOR, "Ben").role == OPERATOR


def test_every_change_is_a_line_of_the_log(store: Store, users: Users) -> None:
    users.add_first("Root", PASSWORD)
    ana = users.add("Ana", OPERATOR, PASSWORD, "Root")
    users.change_role(ana.user_id, REVIEWER, "Root")
    users.set_password(ana.user_id, "three brown hens", "Ana")
    users.disable(ana.user_id, "Root")
    users.disable(ana.user_id, "Root")
    lines = Audit(store).entries(subject=f"user:{ana.user_id}")
    told = [(line.by, line.action) for line in reversed(lines)]
    assert told == [("Root", "user.added"), ("Root", "user.role"), ("Ana", "user.password"),
                    ("Root", "user.disabled")]  # fmt: skip
    assert (lines[3].detail["role"], lines[2].detail["role"]) == (OPERATOR, REVIEWER)
    assert (lines[1].detail["disabled"], lines[0].detail["disabled"]) == (False, True)
    assert Audit(store).verify() == []


def test_rights_that_someone_wrote_into_the_file_are_found(store: Store, users: Users) -> None:
    users.add_first("Root", PASSWORD)
    users.add("Ana", OPERATOR, PASSWORD, "Root")
    Tokens(store).create("bridge", ["health"], "Root")
    hers = "(SELECT password_hash FROM users WHERE name = 'Root')"
    made = "'Eve', 'eve', 'x', 'admin', '', 'x', 0, 'x'"
    columns = "name, name_key, password_hash, role, language, created_utc, disabled, stamp"
    for statement, said in (
        ("UPDATE users SET role = 'admin' WHERE name = 'Ana'", "user 'Ana' is not what line 2"),
        ("UPDATE users SET disabled = 1 WHERE name = 'Root'", "user 'Root' is not what line 1"),
        (f"UPDATE users SET password_hash = {hers} || 'x'", "user 'Ana' is not what line 2"),
        (f"INSERT INTO users ({columns}) VALUES ({made})", "user 'Eve' has no line"),
        ("DELETE FROM users WHERE name = 'Root'", "user:1, told by line 1 of the audit log, is mi"),
        ("UPDATE api_tokens SET scopes = 'predict'", "token 'bridge' is not what line 3"),
        ("UPDATE api_tokens SET sha256 = 'x'", "token 'bridge' is not what line 3"),
        ("DELETE FROM api_tokens", "token:1, told by line 3"),
    ):
        with suppress(UndoneError), store.session(writes=True) as session:
            session.execute(text(statement))
            found = list(altered_accounts(session))
            raise UndoneError
        assert said in " ".join(found), statement
    assert Audit(store).verify() == []
    with store.session(writes=True) as session:
        session.execute(text("UPDATE users SET role = 'admin'"))
    assert len(Audit(store).verify()) == 1


class UndoneError(Exception):
    """Ends a transaction as if it had not been."""


def test_whom_there_is_not_is_not_found(users: Users) -> None:
    for call in (lambda: users.get(1), lambda: users.get(2**70), lambda: users.named("x"),
                 lambda: users.disable(-1, "x"), lambda: users.change_role(9, ADMIN, "x"),
                 lambda: users.set_password(9, PASSWORD, "x")):  # fmt: skip
        with pytest.raises(NotFoundError):
            call()


def test_token_is_found_by_its_secret_alone(store: Store) -> None:
    tokens = Tokens(store)
    token, secret = tokens.create("DHIS2 bridge", ["results", "health", "results"], "Root")
    assert token.scopes == ("health", "results") and token.last_used_utc is None
    found = tokens.find(secret)
    assert found is not None and found.token_id == token.token_id and found.last_used_utc
    assert tokens.find(secret[:-1]) is tokens.find("") is tokens.find("\ud800") is None
    assert secret.encode() not in store.path.read_bytes()
    assert secret not in str(Audit(store).entries())
    assert tokens.all() == [found]


def test_revoked_token_is_found_no_more(store: Store) -> None:
    tokens = Tokens(store)
    token, secret = tokens.create("x", ["metrics"], "Root")
    assert tokens.revoke(token.token_id, "Root").revoked
    assert tokens.revoke(token.token_id, "Root").revoked
    assert tokens.find(secret) is None and tokens.all()[0].revoked
    lines = Audit(store).entries(subject=f"token:{token.token_id}")
    assert [line.action for line in lines] == ["token.revoked", "token.created"]


def test_use_of_a_token_is_noted_by_the_minute(tmp_path: Path) -> None:
    times = iter(f"2026-01-01T00:{minute:02}:{second:02}+00:00"
                 for minute, second in ((0, 0), (0, 0), (1, 0), (1, 59), (2, 0)))  # fmt: skip
    store = Store(tmp_path / "home", now=lambda: next(times))
    secret = Tokens(store).create("x", ["metrics"], "Root")[1]
    seen = [Tokens(store).find(secret) for _ in range(3)]
    used = [token.last_used_utc for token in seen if token]
    assert used == [f"2026-01-01T00:0{minute}:00+00:00" for minute in (1, 1, 2)]
    store.close()


def test_tokens_without_name_or_sense_are_refused(store: Store) -> None:
    wrong = (("", ["health"], "empty"), ("x", [], "no scope"), ("x", ["root"], "scope is 'root'"))
    for name, scopes, why in wrong:
        with pytest.raises(DataError, match=why):
            Tokens(store).create(name, scopes, "Root")
    with pytest.raises(NotFoundError):
        Tokens(store).revoke(1, "Root")
