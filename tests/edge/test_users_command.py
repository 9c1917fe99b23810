"""`clinicscope users`: the way in at the console, and back in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.store.audit import Audit
from edge.store.store import Store
from edge.store.users import Users
from tests.support.people import CHEAP, PASSWORD

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.store.users.COST", CHEAP)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Gives standard input."""

    def give(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    yield give


def test_people_are_added_changed_and_disabled(
    clinicscope: Run, home: Path, typed: Callable[[str], None]
) -> None:
    typed(PASSWORD + "\n")
    code, told, _ = clinicscope("users", "add", "Ana", "--role", "admin", "--password-stdin")
    assert code == 0 and "Ana may log in as admin" in told
    typed(PASSWORD)
    assert clinicscope("users", "add", "Ben", "--password-stdin", "--language", "sw")[0] == 0
    assert clinicscope("users", "role", "ben", "reviewer")[1] == "Ben is reviewer\n"
    typed("three brown hens\r\n")
    assert clinicscope("users", "password", "BEN", "--password-stdin")[0] == 0
    with closing(Store(home)) as store:
        assert Users(store).check_password("Ben", "three brown hens") is not None
    assert clinicscope("users", "disable", "Ben")[1] == "Ben may not log in\n"
    code, told, _ = clinicscope("users", "list", "--json")
    shown = {user["name"]: user for user in json.loads(told)}
    assert shown["Ben"]["disabled"] and shown["Ben"]["language"] == "sw"
    assert "stamp" not in shown["Ben"] and "password" not in told
    assert "disabled" in clinicscope("users", "list")[1]
    assert clinicscope("users", "disable", "Ben", "--undo")[1] == "Ben may log in\n"
    with closing(Store(home)) as store:
        assert {line.by for line in Audit(store).entries()} == {"console"}
        assert Audit(store).verify() == []


def test_password_is_asked_for_twice(
    clinicscope: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: next(asked))
    assert clinicscope("users", "add", "Ana")[0] == 0
    with closing(Store(home)) as store:
        assert Users(store).check_password("Ana", PASSWORD) is not None


def test_what_is_refused_says_why(
    clinicscope: Run, home: Path, typed: Callable[[str], None]
) -> None:
    with closing(Store(home)) as store:
        Users(store).add("Root", "admin", PASSWORD, "console")
    for words, given, why in (
        (("add", "Ana", "--password-stdin"), "", "holds no password"),
        (("add", "Ana", "--password-stdin"), "short\n", "use 8 to 200"),
        (("add", "=1", "--password-stdin"), PASSWORD, "begins as a formula"),
        (("add", "root", "--password-stdin"), PASSWORD, "there is a user"),
        (("role", "Nobody", "admin"), "", "there is no user"),
        (("role", "Root", "operator"), "", "last admin"),
        (("disable", "Root"), "", "last admin"),
        (("password", "Root", "--password-stdin"), "password\n", "first that anyone"),
    ):
        typed(given)
        code, _, said = clinicscope("users", *words)
        assert code == 3 and why in said
    with closing(Store(home)) as store:
        assert [user.name for user in Users(store).all()] == ["Root"]
        assert Users(store).check_password("Root", PASSWORD) is not None


def test_unknown_role_is_a_wrong_use(clinicscope: Run, home: Path) -> None:
    assert clinicscope("users", "add", "Ana", "--role", "root")[0] == 2
    code, _, said = clinicscope("users", "list")
    assert code == 3 and "no records in" in said
