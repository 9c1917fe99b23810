"""Takes out of a text every identifier that the records know of a person.

The log is written without them; this is the second lock on the same door.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from sqlalchemy import select

from edge.store.account_schema import UserRow
from edge.store.clinic_schema import PatientRow, SlideRow, WorklistRow
from edge.store.schema import SpecimenRow
from edge.store.store import Store

GONE = "[removed]"
# Shorter ones name nobody, and would take every other number out of a log.
LEAST_CHARACTERS = 3
# Letters and digits; an underscore parts words, as any sign does.
_WORD = re.compile(r"[^\W_]+")


class Redactor:
    """Finds identifiers as whole words, whatever signs lie between these and whatever their case.

    Args:
        identifiers: of people; those of fewer than LEAST_CHARACTERS letters and digits are passed
            over.
    """

    def __init__(self, identifiers: Iterable[str]) -> None:
        known = {tuple(_fold(word) for word in _WORD.findall(text)) for text in identifiers}
        self._known = {words for words in known if len("".join(words)) >= LEAST_CHARACTERS}
        self._lengths: dict[str, list[int]] = {}
        for words in sorted(self._known, key=len, reverse=True):
            self._lengths.setdefault(words[0], []).append(len(words))

    def clean(self, text: str) -> str:
        """The text with GONE in place of each identifier, the longest first."""
        found = list(_WORD.finditer(text))
        words = [_fold(match[0]) for match in found]
        parts, at, end = [], 0, 0
        while at < len(words):
            length = self._length_at(words, at)
            if length:
                parts += [text[end : found[at].start()], GONE]
                end = found[at + length - 1].end()
            at += length or 1
        return "".join([*parts, text[end:]])

    def _length_at(self, words: Sequence[str], at: int) -> int:
        for length in self._lengths.get(words[at], ()):
            # Shorter at the end of the text, where it may be another one.
            found = tuple(words[at : at + length])
            if found in self._known:
                return len(found)
        return 0


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def identifiers_of(store: Store) -> Iterator[str]:
    """Pseudonyms, labels, barcodes, names of readers and of uploaded files: all that there are."""
    of_specimens = select(
        SpecimenRow.label, SpecimenRow.barcode, SpecimenRow.operator, SpecimenRow.source_settings
    )
    with store.session() as session:
        for column in (
            PatientRow.patient_id,
            SlideRow.barcode,
            WorklistRow.barcode,
            WorklistRow.patient_id,
            UserRow.name,
        ):
            yield from session.scalars(select(column).distinct())
        for label, barcode, operator, settings in session.execute(of_specimens):
            yield from (label, barcode, operator)
            yield from _file_names(settings)


def _file_names(settings: dict[str, Any]) -> Iterator[str]:
    for source in settings.get("sources", ()):
        path = PurePath(str(source))
        yield path.name
        yield path.stem
