"""Numbers, percentages and times as a person reads them, in her language. Pure.

Digits are Latin in every language: they stand on labels and inputs so, and one slide must not
have its number in two scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import get_decimal_symbol, get_group_symbol

from edge.language import ENGLISH, LANGUAGES, translate

NONE = "–"
# Of a language's locales, the one that is written in the most clinics the device is for.
_LOCALES = {"pt": "pt_PT"}


@cache
def locale_of(language: str) -> Locale:
    """How numbers and dates are written in a language; as in English for an unknown one."""
    code = language if language in LANGUAGES else ENGLISH
    return Locale.parse(_LOCALES.get(code, code))


@dataclass(frozen=True)
class _Style:
    """How a language parts digits: signs, and digits of the last group and of those before."""

    point: str
    parting: str
    last: int
    others: int


@cache
def _style(language: str) -> _Style:
    locale = locale_of(language)
    last, others = locale.decimal_formats[None].grouping
    return _Style(get_decimal_symbol(locale), get_group_symbol(locale), last, others)


def decimal(value: float, digits: int, language: str = ENGLISH) -> str:
    """A number with so many digits behind the point, thousands separated.

    A page has hundreds of them, and Babel's own way looks up its tables for each.
    """
    style = _style(language)
    whole, _, rest = f"{abs(value):.{digits}f}".partition(".")
    groups, left = [whole[-style.last :]], whole[: -style.last]
    while left:
        groups.append(left[-style.others :])
        left = left[: -style.others]
    told = style.parting.join(reversed(groups)) + (style.point + rest if rest else "")
    return f"-{told}" if value < 0 else told


def number(value: int | None, language: str = ENGLISH) -> str:
    """A whole number with thousands separated; a dash for none."""
    return NONE if value is None else decimal(value, 0, language)


def percent(fraction: float | None, language: str = ENGLISH) -> str:
    """A fraction as a percentage with as many digits as it deserves."""
    if fraction is None:
        return NONE
    value = 100 * fraction
    if value == 0:
        return _percent(0, 0, language)
    if value < 0.01:
        return translate("under %(value)s", language, value=_percent(0.01, 2, language))
    return _percent(value, 2 if value < 1 else 1, language)


def _percent(value: float, digits: int, language: str) -> str:
    return translate("%(value)s %%", language, value=decimal(value, digits, language))


def per_ul(value: float | None, language: str = ENGLISH) -> str:
    """A density to three digits: a count carries no more."""
    if value is None:
        return NONE
    if 0 < value < 1:
        return translate("under %(value)s", language, value=decimal(1, 0, language))
    digits = max(len(str(int(value))) - 3, 0)
    return decimal(round(value, -digits), 0, language)


def moment(utc: str | None, language: str = ENGLISH) -> str:
    """An ISO 8601 time as "2 Mar 2025, 14:05 UTC"; a date, and what is no time, as it is."""
    if not utc or "T" not in utc:
        return utc or NONE
    try:
        time = datetime.fromisoformat(utc)
    except ValueError:
        return utc
    time = time.astimezone(UTC) if time.tzinfo else time
    locale = locale_of(language)
    day, clock = (format_datetime(time, part, locale=locale) for part in ("d MMM y", "HH:mm"))
    return translate("%(day)s, %(time)s UTC", language, day=day, time=clock)
