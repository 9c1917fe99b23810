"""Agreement between reader and machine: tables that are known, and what is no answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.agreement import Pair, agree, agree_by_month, cohens_kappa, pair_of
from edge.contract.errors import DataError
from edge.protocol import PersonCount, count_of_person, load_protocol, load_thick_protocol

CODES = {"+": "positive", "-": "negative", "?": "inconclusive", "x": "refused"}


def pair(codes: str, month: str = "2026-01", machine: Any = None, reader: Any = None) -> Pair:
    first, second = (CODES[code] for code in codes)
    return Pair("s", f"{month}-03T10:00:00Z", first, second, machine, reader)


def pairs(**counts: int) -> list[Pair]:
    codes = {"both": "++", "machine": "+-", "reader": "-+", "none": "--"}
    return [pair(codes[name]) for name, count in counts.items() for _ in range(count)]


def test_machine_is_held_against_the_reader() -> None:
    found = agree(pairs(both=45, machine=10, reader=5, none=90))
    assert (found.sensitivity.count, found.sensitivity.of) == (45, 50)
    assert found.sensitivity.share == pytest.approx(0.9)
    # Clopper and Pearson of 45 of 50.
    assert found.sensitivity.low == pytest.approx(0.7819, abs=1e-3)
    assert found.sensitivity.high == pytest.approx(0.9667, abs=1e-3)
    assert found.specificity.share == pytest.approx(0.9)
    assert (found.specimens, found.unanswered) == (150, 0)


def test_kappa_is_that_of_the_textbook() -> None:
    # 20 and 15 agreed, 5 and 10 not: .70 observed, .50 by chance.
    found = cohens_kappa(20, 5, 10, 15)
    assert found.kappa == pytest.approx(0.4)
    # By 20,000 bootstrap samples of those 50 pairs.
    rng = np.random.default_rng(1)
    tables = rng.multinomial(50, np.array([20, 5, 10, 15]) / 50, 20_000)
    drawn = [cohens_kappa(*map(int, table)).kappa for table in tables[:2000]]
    half = 1.96 * float(np.std(drawn))
    assert found.high - found.kappa == pytest.approx(half, rel=0.06)
    assert found.kappa - found.low == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize(
    ("table", "kappa"), [((10, 0, 0, 10), 1.0), ((0, 10, 10, 0), -1.0), ((25, 25, 25, 25), 0.0)]
)
def test_kappa_from_full_to_no_agreement(table: tuple[int, ...], kappa: float) -> None:
    assert cohens_kappa(*table).kappa == pytest.approx(kappa)


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (0, 0, 0, 9), (9, 0, 0, 0)])
def test_kappa_of_one_answer_alone_is_none(table: tuple[int, ...]) -> None:
    assert cohens_kappa(*table).kappa is None


@given(*(st.integers(0, 200) for _ in range(4)))
def test_kappa_stays_within_its_interval(both: int, machine: int, reader: int, none: int) -> None:
    found = cohens_kappa(both, machine, reader, none)
    if found.kappa is not None:
        assert -1 <= found.low <= found.kappa <= found.high <= 1


def test_what_is_no_answer_is_never_agreement() -> None:
    found = agree([pair("??"), pair("xx"), pair("?+"), pair("-?"), pair("++")])
    assert (found.specimens, found.unanswered, found.machine_unanswered) == (5, 4, 3)
    assert (found.both_positive, found.both_negative) == (1, 0)
    assert found.sensitivity.of == 1
    assert (found.specificity.share, found.specificity.low) == (None, None)


def test_densities_are_compared_as_factors() -> None:
    double = [pair("++", machine=2 * n, reader=n) for n in (100, 1000, 10_000)]
    found = agree(double).density
    assert (found.pairs, found.ratio) == (3, pytest.approx(2))
    assert (found.low, found.high) == (pytest.approx(2), pytest.approx(2))
    spread = [pair("++", machine=n * f, reader=n) for n, f in ((100, 0.5), (500, 1), (900, 2))]
    found = agree(spread).density
    assert found.ratio == pytest.approx(1)
    assert found.high == pytest.approx(math.exp(1.959964 * math.log(2)))
    assert found.low == pytest.approx(1 / found.high)


def test_too_few_densities_have_no_limits_and_none_no_ratio() -> None:
    found = agree([pair("++", machine=300, reader=100), pair("--", machine=0, reader=50)]).density
    assert (found.pairs, found.ratio, found.low) == (1, pytest.approx(3), None)
    assert agree(pairs(none=4)).density.ratio is None


def test_months_are_apart_and_in_order() -> None:
    months = agree_by_month([pair("++", "2026-02"), pair("--", "2025-12"), pair("+-", "2026-02")])
    assert list(months) == ["2025-12", "2026-02"]
    assert months["2026-02"].specimens == 2
    assert months["2026-02"].sensitivity.share == 1


def test_nothing_has_no_figures() -> None:
    found = agree([])
    assert (found.specimens, found.sensitivity.share, found.kappa.kappa) == (0, None, None)
    assert agree_by_month([]) == {}


def test_verdict_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="reader is 'sick'; known: positive"):
        Pair("s", "2026-01", "positive", "sick")


def counted(parasites: int, wbc: int) -> PersonCount:
    return count_of_person(
        load_protocol("who-thin-5000"),
        load_thick_protocol(),
        parasites=parasites,
        wbc_counted=wbc,
    )


MACHINE = {"verdict": "inconclusive", "density_per_ul": 900.0}
SIGNED = {"verdict": "positive", "density_per_ul": 800.0}


def test_reader_is_who_counted_else_who_signed() -> None:
    assert pair_of("s", "2026-01", [MACHINE], []) is None
    assert pair_of("s", "2026-01", [], [counted(1, 500)]) is None
    found = pair_of("s", "2026-01", [MACHINE, SIGNED], [])
    assert (found.machine, found.reader) == ("inconclusive", "positive")
    assert (found.machine_per_ul, found.reader_per_ul) == (900, 800)
    found = pair_of("s", "2026-01", [MACHINE, SIGNED], [counted(0, 500)])
    assert (found.reader, found.reader_per_ul) == ("negative", 0)
    assert pair_of("s", "2026-01", [MACHINE], [counted(0, 100)]).reader == "inconclusive"
    found = pair_of("s", "2026-01", [MACHINE], [counted(10, 500), counted(9, 100)])
    assert (found.reader, found.reader_per_ul) == ("positive", pytest.approx(160))
