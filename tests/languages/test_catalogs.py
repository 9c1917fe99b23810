"""Every text of the sources is translated into every language, and nothing is lost in between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pytest
from babel.messages import Message

from tests.languages.catalogs import (
    FOREIGN,
    ROOMS,
    Room,
    compile_,
    extract,
    is_missing,
    messages,
    missing,
    read,
)

_HOLE = re.compile(r"%\((\w+)\)[sd]|%%")
_TAG = re.compile(r"</?[a-z]+|\b(?:href|dir)=")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Texts that are the same in several languages: units, names of formats and of programs.
_SCRIPTS = {"hi": "DEVANAGARI", "ar": "ARABIC"}
_STOPS = {".": ".।", "?": "?؟", ":": ":", "…": "…"}
_SHORTENED = ("No.",)

everywhere = pytest.mark.parametrize("code", FOREIGN)
in_each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """A text with each form of its translation; of a plural, its last English form."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
        return
    for form in message.string:
        yield str(message.id[1]), form


def told(room: Room, code: str) -> list[tuple[str, str]]:
    done = (message for message in messages(read(room, code)) if not is_missing(message))
    return [pair for message in done for pair in forms(message)]


@in_each_room
@everywhere
def test_every_text_is_translated(room: Room, code: str) -> None:
    assert [message.id for message in missing(room, code)] == []


@in_each_room
@everywhere
def test_no_text_is_kept_that_no_source_has(room: Room, code: str) -> None:
    wanted = {message.id for message in messages(extract(room))}
    assert [message.id for message in messages(read(room, code)) if message.id not in wanted] == []


@in_each_room
@everywhere
def test_device_reads_what_translators_wrote(room: Room, code: str) -> None:
    assert room.compiled(code).read_bytes() == compile_(room, code)


@in_each_room
@everywhere
def test_placeholders_agree(room: Room, code: str) -> None:
    wrong = []
    for message in messages(read(room, code)):
        if is_missing(message):
            continue  # Another test says so.
        if isinstance(message.id, str):
            if sorted(_HOLE.findall(message.id)) != sorted(_HOLE.findall(str(message.string))):
                wrong.append(message.id)
            continue
        # One and two can be words; the form of many has every value.
        holes = [set(_HOLE.findall(form)) for form in message.string]
        asked = set(_HOLE.findall(message.id[1]))
        if holes[-1] != asked or any(not found <= asked for found in holes):
            wrong.append(message.id)
    assert wrong == []


@in_each_room
@everywhere
def test_plurals_have_their_forms(room: Room, code: str) -> None:
    catalog = read(room, code)
    plurals = [found for found in messages(catalog) if not isinstance(found.id, str)]
    assert catalog.num_plurals == (6 if code == "ar" else 2)
    assert [found.id for found in plurals if len(found.string) != catalog.num_plurals] == []


@in_each_room
@everywhere
def test_links_and_stops_agree(room: Room, code: str) -> None:
    for text, translation in told(room, code):
        assert sorted(_TAG.findall(text)) == sorted(_TAG.findall(translation)), translation
        if text[-1] in _STOPS and text not in _SHORTENED:
            assert translation[-1] in _STOPS[text[-1]], translation
        assert translation == unicodedata.normalize("NFC", translation.strip()), translation


@in_each_room
@everywhere
def test_translation_is_no_copy_of_a_sentence(room: Room, code: str) -> None:
    copies = [
        text
        for text, translation in told(room, code)
        if text == translation and len(_WORD.findall(_HOLE.sub("", text))) > 2
    ]
    assert copies == []


@pytest.mark.parametrize(("code", "script"), _SCRIPTS.items())
@in_each_room
def test_script_is_that_of_the_language(room: Room, code: str, script: str) -> None:
    strange = []
    for text, translation in told(room, code):
        words = _WORD.findall(_TAG.sub("", _HOLE.sub("", text)))
        own = any(unicodedata.name(sign, "").startswith(script) for sign in translation)
        if len(words) > 1 and not own:
            strange.append(text)
    assert strange == []


@everywhere
def test_same_text_has_the_same_translation_in_both_rooms(code: str) -> None:
    edge, page = (
        {message.id: message.string for message in messages(read(room, code))} for room in ROOMS
    )
    both = edge.keys() & page.keys()
    assert {text: page[text] for text in both if edge[text] != page[text]} == {}
