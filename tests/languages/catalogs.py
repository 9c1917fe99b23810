"""The catalogs: texts out of the sources, into the files that translators write, and compiled.

python -m tests.languages.catalogs update    new texts into every language's file
python -m tests.languages.catalogs compile   those files into the ones that the device reads
python -m tests.languages.catalogs missing   what is not translated yet
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from edge.language import DOMAIN, ENGLISH, LANGUAGES

ROOT = Path(__file__).parents[2]
FOREIGN = tuple(code for code in LANGUAGES if code != ENGLISH)
KEYWORDS = DEFAULT_KEYWORDS | {
    "lazy_gettext": None,
    "mark": None,
    "say": None,  # of a report's writer, which knows its language
    "_say": None,
    "translate": None,
    "translate_plural": (1, 2),
}
# As gettext's manual has them; Babel's own French, Spanish and Portuguese part millions, too.
PLURALS = {
    "fr": "nplurals=2; plural=(n > 1)",
    "pt": "nplurals=2; plural=(n != 1)",
    "es": "nplurals=2; plural=(n != 1)",
    "sw": "nplurals=2; plural=(n != 1)",
    "ha": "nplurals=2; plural=(n != 1)",
    "hi": "nplurals=2; plural=(n > 1)",
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : "
    "n%100>=11 ? 4 : 5)",
}
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Room:
    """A package with catalogs of its own."""

    name: str

    @property
    def folder(self) -> Path:
        """Its sources."""
        return ROOT / self.name

    def texts(self, code: str) -> Path:
        """What translators write."""
        return self.folder / "translations" / code / "LC_MESSAGES" / f"{DOMAIN}.po"

    def compiled(self, code: str) -> Path:
        """What the device reads."""
        return self.texts(code).with_suffix(".mo")


ROOMS = (Room("edge"), Room("web_ui"))


@lru_cache
def extract(room: Room) -> Catalog:
    """Every text of a package's sources, with where it stands."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = Catalog(project="ClinicScope", version="1", charset="utf-8")
    for name, line, texts, comments, context in extract_from_dir(
        room.folder, methods, options, KEYWORDS
    ):
        found.add(texts, None, [(f"{room.name}/{name}", line)], (), comments, context=context)
    return found


def read(room: Room, code: str) -> Catalog:
    """A language's catalog; an empty one where there is none yet."""
    path = room.texts(code)
    data = path.read_bytes() if path.is_file() else _head(code)
    return read_po(io.BytesIO(data), locale=code, domain=DOMAIN)


def messages(catalog: Catalog) -> Iterator[Message]:
    """All of them but the header."""
    return (message for message in catalog if message.id)


def is_missing(message: Message) -> bool:
    """A form at least has no translation."""
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    return not all(forms)


def missing(room: Room, code: str) -> list[Message]:
    """Texts of the sources that a catalog lacks."""
    catalog = read(room, code)
    lacking = []
    for message in messages(extract(room)):
        known = catalog.get(message.id, message.context)
        if known is None or is_missing(known):
            lacking.append(message)
    return lacking


def update(room: Room, code: str) -> None:
    """Takes new texts into a language's file, and those out that no source has."""
    old = read(room, code)
    fresh = read_po(io.BytesIO(_head(code)), locale=code, domain=DOMAIN)
    for message in messages(extract(room)):
        known = old.get(message.id, message.context)
        fresh.add(message.id, known.string if known else None, context=message.context)
    write(room, code, fresh)


def write(room: Room, code: str, catalog: Catalog) -> None:
    """Writes a language's file, in the order of its texts: a change shows as itself alone."""
    path = room.texts(code)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, no_location=True, omit_header=True, sort_output=True)
    path.write_bytes(_head(code) + buffer.getvalue())


def _head(code: str) -> bytes:
    reviewed = "reviewed by a speaker" if LANGUAGES[code].reviewed else "not yet reviewed"
    return (
        f"# ClinicScope in {LANGUAGES[code].name}; {reviewed}. See docs/translations.md.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {code}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {PLURALS[code]};\\n"\n\n'
    ).encode()


def compile_(room: Room, code: str) -> bytes:
    """The bytes that the device reads, of what translators wrote."""
    catalog, buffer = read(room, code), io.BytesIO()
    # Of the same texts always the same file.
    catalog.creation_date = catalog.revision_date = _ANY_DAY
    write_mo(buffer, catalog)
    return buffer.getvalue()


def main(argv: list[str] | None = None) -> int:
    """The command line; 1 where `missing` finds something."""
    parser = argparse.ArgumentParser(prog="tests.languages.catalogs")
    parser.add_argument("what", choices=("update", "compile", "missing"))
    what = parser.parse_args(argv).what
    lacking = 0
    for room in ROOMS:
        for code in FOREIGN:
            if what == "update":
                update(room, code)
            elif what == "compile":
                room.compiled(code).write_bytes(compile_(room, code))
            else:
                lacking += _tell_missing(room, code)
    return 1 if lacking else 0


def _tell_missing(room: Room, code: str) -> int:
    found = missing(room, code)
    for message in found:
        print(f"{room.name} {code}: {message.id!r}")  # noqa: T201
    return len(found)


if __name__ == "__main__":
    raise SystemExit(main())
