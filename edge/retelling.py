"""Sentences of the records and of errors in another language than the English they are kept in.

A record holds what was said when it was made, with its figures in it, so that it stays evidence.
For a reader of another language such a sentence is held against the templates of `edge.sentences`;
the one that it was made from is translated, and its values put in again. What no template has made
is shown as it stands, never left out.
"""

from __future__ import annotations

import re
from functools import lru_cache

from edge.figures import decimal
from edge.language import ENGLISH, LANGUAGES, translate
from edge.sentences import FIGURES, SENTENCES

_HOLE = re.compile(r"%\((\w+)\)s")
_FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?: ?%)?"
# Where sentences are parted that were told one after the other.
_JOINT = re.compile(r"(?<=[.;:,]) ")
_STOPS = {"ar": {",": "،", ";": "؛"}, "hi": {".": "।"}}


def retell(sentence: str, language: str) -> str:
    """A sentence of the records in a language; as it is where no template made it."""
    if language == ENGLISH or language not in LANGUAGES:
        return sentence
    return _retold(sentence, language)


@lru_cache(maxsize=4096)
def _retold(sentence: str, language: str) -> str:
    return _whole(sentence, language) or _in_parts(sentence, language)


def _whole(sentence: str, language: str) -> str | None:
    """A sentence that one template made, with or without the stop behind it."""
    found = _from_template(sentence, language)
    if found is None and sentence[-1:] in (".", ",", ";", ":"):
        stop = _STOPS.get(language, {}).get(sentence[-1], sentence[-1])
        found = _from_template(sentence[:-1], language)
        return None if found is None else found + stop
    return found


def _in_parts(sentence: str, language: str) -> str:
    """The longest first part that a template made, then the rest likewise."""
    joints = [joint.span() for joint in _JOINT.finditer(sentence)]
    for end, start in reversed(joints):
        found = _whole(sentence[:end], language)
        if found is not None:
            return f"{found} {_retold(sentence[start:], language)}"
    if not joints:
        return sentence
    end, start = joints[0]
    return f"{sentence[:end]} {_retold(sentence[start:], language)}"


def _from_template(sentence: str, language: str) -> str | None:
    for words, pattern, template in _patterns():
        found = pattern.fullmatch(sentence) if words in sentence else None
        if found:
            given = found.groupdict().items()
            values = {name: _value(name, text, language) for name, text in given}
            return translate(template, language, **values)
    return None


def _value(name: str, text: str, language: str) -> str:
    if name not in FIGURES:
        return _retold(text, language)
    figure = text.rstrip("% ")
    digits = len(figure.partition(".")[2])
    told = decimal(float(figure.replace(",", "")), digits, language)
    return translate("%(value)s %%", language, value=told) if text.endswith("%") else told


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Templates with the most words of their own first: they fit the fewest other sentences.

    Before each stands its longest run of words: what lacks that needs no closer look.
    """
    by_words = sorted(SENTENCES, key=lambda text: -len(_HOLE.sub("", text)))
    return tuple((max(_texts(text), key=len), _pattern(text), text) for text in by_words)


def _texts(template: str) -> list[str]:
    """What stands between a template's values."""
    return [text.replace("%%", "%") for text in _HOLE.split(template)[::2]]


def _pattern(template: str) -> re.Pattern[str]:
    names = _HOLE.findall(template)
    holes = [f"(?P<{name}>{_FIGURE if name in FIGURES else '.+?'})" for name in names]
    texts = [re.escape(text) for text in _texts(template)]
    return re.compile(
        "".join(text + hole for text, hole in zip(texts, [*holes, ""], strict=True)), re.DOTALL
    )
