"""Passwords: what is taken as one, and the hash that is kept in its place. Pure; knows no table.

Hashed by scrypt (RFC 7914), whose cost and salt stand in the hash, so that a later version may ask
for more and still read what is there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass

from edge.contract.errors import DataError

LEAST_CHARACTERS, MOST_CHARACTERS = 8, 200
_SALT_BYTES, _HASH_BYTES = 16, 32
_SCHEME = "scrypt"
_FEWEST_DISTINCT, _LEAST_DIGITS = 4, 12
# Parts that the first guesses are made of; a password is more than one of them and some digits.
_FIRST_GUESSES = (
    "password", "passwort", "motdepasse", "contraseña", "senha", "clinicscope", "qwerty", "azerty",
    "letmein", "welcome", "iloveyou", "admin", "malaria", "abcdefgh",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Of one hash: scrypt's N, r and p; memory is 128 * n * r bytes.

    The default takes 16 MiB, little enough for the smallest device, and is one of the settings that
    OWASP's "Password Storage Cheat Sheet" calls equal (N 2^14, r 8, p 5).
    """

    n: int = 2**14
    r: int = 8
    p: int = 5


def check_password(password: str, name: str) -> str:
    """A new password, as it will be compared: in Unicode's composed form.

    Length and no first guess are all that is asked for, as NIST SP 800-63B advises: rules on kinds
    of characters make passwords worse.

    Raises:
        DataError: too short or long, or among the first that anyone would try; does not tell it.
    """
    plain = _composed(password)
    if not LEAST_CHARACTERS <= len(plain) <= MOST_CHARACTERS:
        raise DataError(
            f"the password has {len(plain)} characters; use {LEAST_CHARACTERS} to "
            f"{MOST_CHARACTERS}, such as three words that do not belong together"
        )
    folded = plain.casefold()
    if len(set(folded)) < _FEWEST_DISTINCT or _is_first_guess(folded, name.casefold()):
        raise DataError(
            "the password is among the first that anyone would try; use three words that do not "
            "belong together"
        )
    return plain


def _is_first_guess(folded: str, name: str) -> bool:
    if folded.isdecimal() and len(folded) < _LEAST_DIGITS:
        return True  # A date, a telephone number.
    guesses = (*_FIRST_GUESSES, *(part for part in name.split() if len(part) > 2))
    return any(guess in folded and len(folded) - len(guess) < LEAST_CHARACTERS for guess in guesses)


def hash_password(password: str, cost: Cost) -> str:
    """The text to keep of a password: scheme, cost, salt and hash."""
    salt = secrets.token_bytes(_SALT_BYTES)
    parts = (_SCHEME, cost.n, cost.r, cost.p, _plain(salt), _plain(_derive(password, salt, cost)))
    return "$".join(map(str, parts))


def matches(password: str, kept: str) -> bool:
    """Whether this is the password of a hash; takes as long for a wrong one as for the right one.

    Raises:
        ValueError: the hash is none of this scheme.
    """
    scheme, n, r, p, salt, expected = kept.split("$")
    if scheme != _SCHEME:
        raise ValueError(f"a password is kept as {scheme!r}; this version knows {_SCHEME}")
    found = _derive(password, b64decode(salt), Cost(int(n), int(r), int(p)))
    return hmac.compare_digest(found, b64decode(expected))


def decoy(cost: Cost) -> str:
    """What no password matches, and as slowly as if it were one's hash: for a name nobody has."""
    parts = (
        _SCHEME,
        cost.n,
        cost.r,
        cost.p,
        _plain(bytes(_SALT_BYTES)),
        _plain(bytes(_HASH_BYTES)),
    )
    return "$".join(map(str, parts))


def _derive(password: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        _composed(password).encode("utf-8", "replace"),
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        # OpenSSL's own bound is just below what the default takes.
        maxmem=128 * cost.r * (cost.n + cost.p + 2),
        dklen=_HASH_BYTES,
    )


def _composed(password: str) -> str:
    # The same letters, typed on another keyboard, may come as other code points.
    return unicodedata.normalize("NFKC", password)


def _plain(data: bytes) -> str:
    return b64encode(data).decode("ascii")
