"""Keys and who trusts them: made, kept, followed by others, revoked, damaged."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.contract.errors import ConfigError, SignatureError
from edge.updates.keys import (
    SecretKey,
    format_public,
    is_protected,
    make_key,
    read_public,
    read_secret,
    write_secret,
)
from edge.updates.statement import (
    Statement,
    accept_statement,
    format_statement,
    make_revocation,
    make_succession,
)
from edge.updates.trust import (
    REVOKED_FILE,
    Trust,
    add_key,
    application_trust,
    bundle_trust,
    read_trust,
    revoke_keys,
)
from tests.support.signed_updates import NOW

Program = Callable[..., tuple[int, str, str]]


def trust_of(folder: Path) -> Trust:
    return read_trust((folder,), (folder,))


def accept(statement: Statement, folder: Path) -> str:
    return accept_statement(format_statement(statement), "x.statement", trust_of(folder), folder)


def test_a_secret_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    key, path = make_key(), tmp_path / "site.key"
    write_secret(path, key)
    assert path.stat().st_mode & 0o777 == 0o600 and not is_protected(path)
    assert read_secret(path).public == key.public
    with pytest.raises(ConfigError, match="never overwritten"):
        write_secret(path, make_key())


def test_a_passphrase_protects_a_key(tmp_path: Path) -> None:
    key, path = make_key(), tmp_path / "site.key"
    write_secret(path, key, "three good words")
    assert is_protected(path) and read_secret(path, "three good words").public == key.public
    for wrong in ("", "other"):
        with pytest.raises(ConfigError, match="the passphrase is not its own"):
            read_secret(path, wrong)


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(path)
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem)
    with pytest.raises(ConfigError, match="another kind"):
        read_secret(path)
    public = tmp_path / "site.pub"
    for text, why in (
        ("", "holds no public key"),
        ("ed25519 AAAA", "holds 3 bytes, expected 32"),
        ("ed25519 ??", "not base64"),
        ("rsa AAAA", "holds no public key"),
        ("ed25519 é", "cannot be read"),
    ):
        public.write_text(text)
        with pytest.raises(ConfigError, match=why):
            read_public(public)


def test_a_damaged_key_counts_for_nothing_and_the_others_count(tmp_path: Path) -> None:
    key = make_key().public
    add_key(tmp_path, key)
    (tmp_path / "broken.pub").write_text("ed25519")
    assert set(trust_of(tmp_path).keys) == {key.key_id}


def test_a_damaged_list_of_revoked_keys_lets_nothing_in(tmp_path: Path) -> None:
    add_key(tmp_path, make_key().public)
    (tmp_path / REVOKED_FILE).write_text("not-an-id\n")
    with pytest.raises(ConfigError, match="no id of a key"):
        trust_of(tmp_path)


def test_a_key_vouches_for_the_next_which_vouches_for_another(tmp_path: Path) -> None:
    first, second, third = make_key(), make_key(), make_key()
    add_key(tmp_path, first.public)
    assert "is trusted" in accept(make_succession(second.public, first, NOW), tmp_path)
    accept(make_succession(third.public, second, NOW), tmp_path)
    assert trust_of(tmp_path).key(third.public.key_id).succeeds == second.public.key_id


def test_nobody_vouches_for_himself(tmp_path: Path) -> None:
    stranger = make_key()
    add_key(tmp_path, make_key().public)
    for statement in (
        make_succession(stranger.public, stranger, NOW),
        make_revocation((trusted_id(tmp_path),), stranger, NOW),
    ):
        with pytest.raises(SignatureError, match="is not trusted on this device"):
            accept(statement, tmp_path)
    assert len(trust_of(tmp_path).keys) == 1


def trusted_id(folder: Path) -> str:
    return next(iter(trust_of(folder).keys))


def test_an_altered_statement_is_refused(tmp_path: Path) -> None:
    first, thief = make_key(), make_key()
    add_key(tmp_path, first.public)
    honest = make_succession(make_key().public, first, NOW)
    raw = base64.b64encode(thief.public.raw).decode()
    with pytest.raises(SignatureError, match="altered since it was signed"):
        accept(replace(honest, key=raw), tmp_path)
    with pytest.raises(SignatureError, match="holds no signature"):
        accept(replace(honest, signature=""), tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"kind": "other"}, {"schema_version": 2}, {"key": ""}, {"key_id": "x"}, {"more": 1}],
)
def test_a_malformed_statement_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    plain = json.loads(format_statement(make_succession(make_key().public, make_key(), NOW)))
    with pytest.raises(SignatureError, match="statement"):
        accept_statement(json.dumps(plain | change).encode(), "x", Trust({}), tmp_path)
    with pytest.raises(SignatureError, match="no statement"):
        accept_statement(b"{", "x", Trust({}), tmp_path)


def test_with_a_revoked_key_go_those_it_vouched_for_but_not_who_revokes(tmp_path: Path) -> None:
    """Its owner lost the first key after she had named the second; a thief named the third."""
    lost, second, thief, thieves_next = (make_key() for _ in range(4))
    add_key(tmp_path, lost.public)
    for new, by in ((second, lost), (thief, lost), (thieves_next, thief)):
        accept(make_succession(new.public, by, NOW), tmp_path)
    accept(make_revocation((lost.public.key_id,), second, NOW), tmp_path)
    assert set(trust_of(tmp_path).keys) == {second.public.key_id}
    with pytest.raises(SignatureError, match="was revoked"):
        trust_of(tmp_path).key(lost.public.key_id)


def test_a_revoked_key_neither_speaks_nor_comes_back(tmp_path: Path) -> None:
    old, new = make_key(), make_key()
    for key in (old, new):
        add_key(tmp_path, key.public)
    revoke_keys(tmp_path, (old.public.key_id, old.public.key_id))
    with pytest.raises(SignatureError, match="was revoked"):
        accept(make_succession(make_key().public, old, NOW), tmp_path)
    with pytest.raises(SignatureError, match="was revoked; make a new key"):
        accept(make_succession(old.public, new, NOW), tmp_path)
    assert (tmp_path / REVOKED_FILE).read_text().split() == [old.public.key_id]


def test_who_may_write_the_records_does_not_name_who_replaces_the_program(tmp_path: Path) -> None:
    home, system = tmp_path / "home", tmp_path / "etc"
    own, roots = make_key().public, make_key().public
    add_key(home / "trust", own)
    assert set(application_trust(home, system).keys) == {own.key_id}  # where root keeps none
    add_key(system, roots)
    assert set(application_trust(home, system).keys) == {roots.key_id}
    assert set(bundle_trust(home, system).keys) == {own.key_id, roots.key_id}
    revoke_keys(home / "trust", (roots.key_id,))
    assert not application_trust(home, system).keys


def test_the_commands_make_follow_and_revoke_keys(
    home: Path, tmp_path: Path, clinicscope: Program
) -> None:
    assert clinicscope("bundle", "keys")[1].startswith("no key is trusted")
    assert clinicscope("bundle", "keygen", tmp_path / "a")[0] == 0
    assert clinicscope("bundle", "trust", tmp_path / "a.pub")[0] == 0
    code, out, _ = clinicscope("bundle", "keygen", tmp_path / "b", "--succeeds", tmp_path / "a.key")
    assert code == 0 and "vouches for it" in out
    code, out, _ = clinicscope("bundle", "trust", tmp_path / "b.statement")
    second = read_public(tmp_path / "b.pub").key_id
    assert code == 0 and f"key {second} is trusted" in out
    first = read_public(tmp_path / "a.pub").key_id
    made = tmp_path / "lost.statement"
    assert (
        clinicscope("bundle", "revoke", first, "--key", tmp_path / "b.key", "--out", made)[0] == 0
    )
    assert clinicscope("bundle", "trust", made)[0] == 0
    found = json.loads(clinicscope("bundle", "keys", "--json")[1])
    assert (found["bundle"], found["revoked"]) == ([second], [first])
    code, _, said = clinicscope("bundle", "trust", tmp_path / "a.pub")
    assert code == 3 and "stays so" in said
    code, _, said = clinicscope("bundle", "keygen", tmp_path / "a")
    assert code == 3 and "never overwritten" in said
    assert f"{first}  revoked" in clinicscope("bundle", "keys")[1]


def test_roots_folder_believes_roots_keys_alone(
    home: Path, tmp_path: Path, clinicscope: Program
) -> None:
    own, new = make_key(), make_key()
    add_key(home / "trust", own.public)
    statement = tmp_path / "new.statement"
    statement.write_bytes(format_statement(make_succession(new.public, own, NOW)))
    code, _, said = clinicscope("bundle", "trust", statement, "--into", tmp_path / "etc")
    assert code == 3 and "is not trusted" in said
    path = tmp_path / "new.pub"
    path.write_text(format_public(new.public))
    assert clinicscope("bundle", "trust", path, "--into", tmp_path / "etc")[0] == 0
    assert read_public(tmp_path / "etc" / f"{new.public.key_id}.pub") == new.public


def test_a_protected_key_asks_for_its_passphrase(
    home: Path, tmp_path: Path, clinicscope: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.prompt", lambda *_, **__: "three good words")
    assert clinicscope("bundle", "keygen", tmp_path / "a", "--passphrase")[0] == 0
    assert is_protected(tmp_path / "a.key")
    out = tmp_path / "x.statement"
    named = "0" * 16
    code, _, said = clinicscope(
        "bundle", "revoke", named, "--key", tmp_path / "a.key", "--out", out
    )
    assert code == 0, said
    assert isinstance(read_secret(tmp_path / "a.key", "three good words"), SecretKey)
