"""Counts by a person at the microscope: density, its interval, and whether it is enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.errors import DataError
from edge.protocol import PersonCount, count_of_person, load_protocol, load_thick_protocol

WHO, CDC, THICK = load_protocol("who-thin-5000"), load_protocol("cdc-thin"), load_thick_protocol()


def thick(parasites: int, wbc: int, **more: int) -> PersonCount:
    return count_of_person(WHO, THICK, parasites=parasites, wbc_counted=wbc, **more)


def thin(parasites: int, rbc: int, **more: int) -> PersonCount:
    return count_of_person(WHO, THICK, parasites=parasites, rbc_counted=rbc, **more)


@pytest.mark.parametrize(("parasites", "wbc"), [(100, 200), (250, 500)])
def test_both_reads_give_4000_per_ul(parasites: int, wbc: int) -> None:
    found = thick(parasites, wbc)
    assert found.density_per_ul == pytest.approx(4000)
    assert found.density_low_per_ul < 4000 < found.density_high_per_ul
    assert found.complete


def test_more_cells_make_the_same_density_surer() -> None:
    few, many = thick(100, 200), thick(250, 500)
    assert many.density_low_per_ul > few.density_low_per_ul
    assert many.density_high_per_ul < few.density_high_per_ul


def test_noise_of_five_parasites_is_as_wide_as_it_was_found_to_be() -> None:
    # Five in 200 white cells, 200/µL: reads span 76 to 355/µL from the 5th to the 95th percentile
    # (Malar J s12936-020-03352-z, table 3); 95 % are a little wider.
    found = thick(5, 200)
    assert found.density_per_ul == pytest.approx(200)
    assert 60 < found.density_low_per_ul < 76
    assert 355 < found.density_high_per_ul < 480


def test_measured_white_cells_replace_the_assumed_ones() -> None:
    found = thick(100, 200, wbc_per_ul=5000)
    assert found.density_per_ul == pytest.approx(2500)
    assert (found.per_ul, found.measured) == (5000, True)
    assert "5,000 white cells per µL, measured" in found.assumption
    assert "8,000 white cells per µL, assumed and not measured" in thick(100, 200).assumption


@pytest.mark.parametrize(
    ("parasites", "wbc", "missing"),
    [(0, 200, 300), (99, 200, 300), (99, 500, 0), (100, 200, 0), (100, 150, 50), (0, 500, 0)],
)
def test_few_parasites_are_counted_against_500_white_cells(
    parasites: int, wbc: int, missing: int
) -> None:
    found = thick(parasites, wbc)
    assert (found.missing, found.complete) == (missing, not missing)


def test_gametocytes_are_apart() -> None:
    found = thick(0, 500, gametocytes=5)
    assert found.density_per_ul == 0
    assert found.gametocytes_per_ul == pytest.approx(80)
    assert found.seen == 5


def test_thin_smear_is_a_share_of_red_cells() -> None:
    found = thin(50, 5000)
    assert found.parasitaemia_fraction == pytest.approx(0.01)
    assert found.density_per_ul == pytest.approx(50_000)
    assert found.ci_low is not None and found.ci_high is not None
    assert found.density_low_per_ul == pytest.approx(found.ci_low * 5_000_000)
    assert found.complete
    assert thin(0, 4000).missing == 1000
    assert "assumed and not measured" in found.assumption


def test_thin_count_follows_the_protocols_rule_for_few() -> None:
    few = count_of_person(CDC, THICK, parasites=1, rbc_counted=500)
    many = count_of_person(CDC, THICK, parasites=20, rbc_counted=500)
    assert (few.missing, many.missing) == (1500, 0)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"parasites": -1, "wbc_counted": 200}, "none can be negative"),
        ({"parasites": 1}, "give one of them"),
        ({"parasites": 1, "wbc_counted": 5, "rbc_counted": 5}, "give one of them"),
        ({"parasites": 4, "gametocytes": 3, "rbc_counted": 5}, "4 parasites and 3 gametocytes"),
        ({"parasites": 1, "wbc_counted": 200, "wbc_per_ul": 0}, "wbc_per_ul is 0"),
    ],
)
def test_impossible_counts_are_refused(counts: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        count_of_person(WHO, THICK, **counts)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=50)
@given(parasites=st.integers(0, 2000), wbc=st.integers(1, 2000), per_ul=st.integers(1000, 40_000))
def test_interval_holds_the_density(parasites: int, wbc: int, per_ul: int) -> None:
    found = thick(parasites, wbc, wbc_per_ul=per_ul)
    assert found.density_low_per_ul <= found.density_per_ul < found.density_high_per_ul
    assert found.density_per_ul == pytest.approx(parasites * per_ul / wbc)
