"""The page's words in the reader's language, and which language that is.

Every text that a person sees goes through `gettext` and its kin here, or in a template through
`_`; `docs/translations.md` tells how. Outside a request they give English.

A language is taken from the person who has logged in, else from the last choice on this phone,
else from the device, else from the browser.
"""

from __future__ import annotations

from typing import Any, cast

import flask_babel  # type: ignore[import-untyped]
import flask_login  # type: ignore[import-untyped]
from flask import Flask, current_app, g, has_request_context, request

from edge.language import ENGLISH, LANGUAGES, language_of
from edge.retelling import retell

COOKIE = "clinicscope_language"
# In the app's config: what a person sees who has chosen nothing; empty leaves it to the browser.
DEVICE_LANGUAGE = "DEVICE_LANGUAGE"


def gettext(text: str, /, **values: object) -> str:
    """A text in the reader's language.

    Args:
        text: English, with `%(name)s` where a value goes. A literal percent sign is `%%` only in
            a text that has values.
        values: of the placeholders.
    """
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """The same where the words hang on a number, which is `%(num)s` unless `num` is given."""
    return str(flask_babel.ngettext(one, many, number, **values))


def lazy_gettext(text: str, /, **values: object) -> str:
    """The same for a constant: the language is chosen each time that it is shown."""
    return cast(str, flask_babel.lazy_gettext(text, **values))


def said(sentence: object) -> str:
    """A sentence of the records, or an error, in the reader's language; nothing for none."""
    return retell(str(sentence), current_language()) if sentence else ""


def current_language() -> str:
    """The code of the reader's language."""
    locale = flask_babel.get_locale() if has_request_context() else None
    return str(locale.language) if locale else ENGLISH


def speak(app: Flask, device_language: str = "") -> None:
    """Gives an app its languages.

    Args:
        app: its templates get `_`, `language`, `languages` and `here`, the address to come back to.
        device_language: what is shown where nobody has chosen; empty leaves it to the browser.
    """
    app.config[DEVICE_LANGUAGE] = device_language
    flask_babel.Babel(app, locale_selector=chosen_language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: _catalog().ugettext(text),
        lambda one, many, number: _catalog().ungettext(one, many, number),
        newstyle=True,
    )
    app.context_processor(_for_templates)


def _catalog() -> Any:
    """The reader's texts; looked for once a request, since a page has hundreds."""
    if "catalog" not in g:
        g.catalog = flask_babel.get_translations()
    return g.catalog


def chosen_language() -> str:
    """The code of the language that a request is answered in."""
    wishes = (
        _of_person(),
        request.cookies.get(COOKIE, ""),
        current_app.config[DEVICE_LANGUAGE],
        *(code.partition("-")[0].lower() for code in request.accept_languages.values()),
    )
    return next((code for code in wishes if code in LANGUAGES), ENGLISH)


def _of_person() -> str:
    """What the person who has logged in set; empty where nobody has, or set nothing."""
    if not hasattr(current_app, "login_manager"):
        return ""  # The page that says why the service cannot start knows no persons.
    return str(getattr(flask_login.current_user, "language", ""))


def _for_templates() -> dict[str, object]:
    return {
        "language": language_of(current_language()),
        "languages": tuple(LANGUAGES.values()),
        "here": request.full_path if request.method == "GET" else "",
    }
