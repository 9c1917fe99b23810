"""The languages of the people at the device, and text in them from the catalogs beside this file.

English text is its own key: what a catalog lacks is shown in English, never left out. Loads no
more than the standard library and, once for each language, one catalog.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TRANSLATIONS = Path(__file__).parent / "translations"
DOMAIN = "messages"
ENGLISH = "en"


@dataclass(frozen=True)
class Language:
    """A language of the page and of reports.

    Attributes:
        code: ISO 639-1.
        name: as its speakers write it.
        right_to_left: its lines begin at the right, so the page is mirrored.
        reviewed: a speaker has read its catalogs; where not, every page and report says so.
    """

    code: str
    name: str
    right_to_left: bool = False
    reviewed: bool = False

    @property
    def direction(self) -> str:
        """As HTML's `dir` has it."""
        return "rtl" if self.right_to_left else "ltr"


LANGUAGES = {
    language.code: language
    for language in (
        Language(ENGLISH, "English", reviewed=True),
        Language("fr", "Français"),
        Language("pt", "Português"),
        Language("es", "Español"),
        Language("sw", "Kiswahili"),
        Language("ha", "Hausa"),
        Language("hi", "हिन्दी"),
        Language("ar", "العربية", right_to_left=True),
    )
}


def language_of(code: str) -> Language:
    """The language of a code; English for an unknown one."""
    return LANGUAGES.get(code, LANGUAGES[ENGLISH])


def translate(text: str, language: str, /, **values: object) -> str:
    """A text in a language.

    Args:
        text: English, with `%(name)s` where a value goes. A literal percent sign is `%%` only in
            a text that has values.
        language: code of the language; an unknown one gives English.
        values: of the placeholders.
    """
    found = catalog(language).gettext(text)
    return found % values if values else found


def translate_plural(one: str, many: str, number: int, language: str, /, **values: object) -> str:
    """The same where the words hang on a number, which is `%(num)s` unless `num` is given."""
    found = catalog(language).ngettext(one, many, number)
    return found % ({"num": number} | values)


def mark(text: str) -> str:
    """The text as it is; it stands where `translate` will be given it later, for the catalogs."""
    return text


@cache
def catalog(language: str) -> gettext.NullTranslations:
    """The catalog of a language; of English, and of an unknown one, that which changes nothing."""
    if language not in LANGUAGES:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, TRANSLATIONS, [language], fallback=True)
