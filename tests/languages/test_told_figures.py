"""Numbers, shares and times as the languages have them."""

from __future__ import annotations

import pytest
from babel.numbers import format_decimal

from edge import figures
from edge.language import LANGUAGES

NARROW, HARD = "\u202f", "\xa0"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("en", "1,234,567"),
        ("fr", f"1{NARROW}234{NARROW}567"),
        ("pt", f"1{HARD}234{HARD}567"),
        ("es", "1.234.567"),
        ("sw", "1,234,567"),
        ("ha", "1,234,567"),
        ("hi", "12,34,567"),
        ("ar", "1,234,567"),
        ("xx", "1,234,567"),
    ],
)
def test_thousands_are_parted(code: str, told: str) -> None:
    assert figures.number(1_234_567, code) == told


@pytest.mark.parametrize("code", LANGUAGES)
def test_digits_are_latin_everywhere(code: str) -> None:
    told = figures.moment("2026-11-21T09:30:00+03:00", code) + figures.percent(0.0123, code)
    digits = [sign for sign in told if sign.isdigit()]
    assert digits and all(sign.isascii() for sign in digits)


@pytest.mark.parametrize(
    ("fraction", "told"),
    [(None, "–"), (0, "0 %"), (0.00005, "under 0.01 %"), (0.005, "0.50 %"), (0.123, "12.3 %")],
)
def test_share_has_as_many_digits_as_it_deserves(fraction: float | None, told: str) -> None:
    assert figures.percent(fraction) == told


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("value", [0, 7, 999, 1000, 0.25, 1234.56, 12_345_678.9, -1234.5])
def test_number_is_as_babel_writes_it(code: str, value: float) -> None:
    pattern = figures.locale_of(code).decimal_formats[None].pattern.partition(".")[0] + ".00"
    assert figures.decimal(value, 2, code).removeprefix("-") == format_decimal(
        abs(value), pattern, figures.locale_of(code)
    )
    assert figures.decimal(value, 2, code).startswith("-") == (value < 0)


def test_comma_and_point_follow_the_language() -> None:
    assert figures.percent(0.005, "fr").startswith("0,50")
    assert figures.decimal(0.5, 2, "es") == "0,50"
    assert figures.decimal(0.5, 2, "sw") == "0.50"


@pytest.mark.parametrize(
    ("value", "told"), [(None, "–"), (0, "0"), (0.4, "under 1"), (7, "7"), (123_456, "123,000")]
)
def test_density_has_three_digits(value: float | None, told: str) -> None:
    assert figures.per_ul(value) == told


def test_month_is_named_in_the_language() -> None:
    utc = "2026-03-02T14:05:00+00:00"
    assert figures.moment(utc) == "2 Mar 2026, 14:05 UTC"
    assert figures.moment(utc, "fr") == "2 mars 2026, 14:05 UTC"
    assert "مارس" in figures.moment(utc, "ar")
    assert [figures.moment(text) for text in ("2026-11-21", "T", "", None)] == [
        "2026-11-21",
        "T",
        "–",
        "–",
    ]
