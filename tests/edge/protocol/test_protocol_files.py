"""Protocols as data: those that ship, a site's own, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import load_config
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError
from edge.protocol import (
    corrected_interval,
    default_protocol,
    load_protocol,
    load_thick_protocol,
    protocol_names,
    reviewed_interval,
)
from edge.protocol.library import load_any, shipped_names
from edge.screening.calls import field_point
from tests.conftest import SHIPPED

OWN = """
name = "ward-7"
version = 3
title = "Ward 7"
source = "its handbook"
smear = "thin"
minimum_rbc_count = 3000
"""


def write(home: Path, text: str, name: str = "ward-7") -> Path:
    (home / "protocols").mkdir(parents=True, exist_ok=True)
    (home / "protocols" / f"{name}.toml").write_text(text, encoding="utf-8")
    return home


def test_counts_are_those_of_the_guidelines() -> None:
    who, cdc, bsh = (load_protocol(name) for name in ("who-thin-5000", "cdc-thin", "bsh-thin-1000"))
    assert [who.minimum_for(x) for x in (None, 0.0, 0.2)] == [5000] * 3
    assert [cdc.minimum_for(x) for x in (None, 0.0, 0.0099, 0.01, 0.2)] == [2000] * 3 + [500] * 2
    assert bsh.minimum_for(0.0) == 1000
    thick = load_thick_protocol("who-thick")
    assert [thick.wbc_needed(n) for n in (0, 99, 100, 900)] == [500, 500, 200, 200]
    assert thick.wbc_per_ul == 8000


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_protocol_says_where_it_was_read(name: str) -> None:
    protocol = load_any(name)
    assert protocol.name == name
    assert protocol.title and protocol.source
    assert protocol.label == f"{name}@{protocol.version}"


@pytest.mark.parametrize("name", [n for n in shipped_names() if n != "who-thick"])
def test_slide_that_was_counted_can_be_negative(name: str) -> None:
    """A limit below what the protocol's own count can exclude would never be met."""
    protocol, point = load_protocol(name), field_point(open_bundle(SHIPPED).manifest)
    count, se = protocol.minimum_for(0.0), point.sensitivity_cell
    for found in (
        corrected_interval(0, count, se, point.specificity_cell),
        reviewed_interval(0, count, se),
    ):
        assert found.high < protocol.negative_limit_fraction


def test_default_is_whos() -> None:
    assert default_protocol() == load_protocol("who-thin-5000")
    assert default_protocol().minimum_usable_fields > 1


def test_site_adds_its_own(tmp_path: Path) -> None:
    home = write(tmp_path, OWN)
    assert protocol_names(home) == (*shipped_names(), "ward-7")
    protocol = load_protocol("ward-7", home)
    assert (protocol.minimum_rbc_count, protocol.label) == (3000, "ward-7@3")
    assert load_protocol("ward-7@3", home) == protocol
    (home / "config.toml").write_text('protocol = "ward-7"\n')
    assert load_config(home).protocol == protocol


def test_version_that_records_name_stays_loadable(tmp_path: Path) -> None:
    home = write(tmp_path, OWN)
    with pytest.raises(ConfigError, match=r"put the old file back as ward-7@2\.toml"):
        load_protocol("ward-7@2", home)
    write(home, OWN.replace("version = 3", "version = 2").replace("3000", "2000"), "ward-7@2")
    assert load_protocol("ward-7@2", home).minimum_rbc_count == 2000
    assert load_protocol("ward-7", home).minimum_rbc_count == 3000
    assert protocol_names(home) == (*shipped_names(), "ward-7")


def test_site_may_not_change_what_ships(tmp_path: Path) -> None:
    home = write(tmp_path, OWN.replace("ward-7", "cdc-thin"), "cdc-thin")
    assert load_protocol("cdc-thin", home).minimum_rbc_count == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN + "minimum_cells = 5\n", r"unknown keys \['minimum_cells'\]"),
        (OWN.replace("3000", '"many"'), "minimum_rbc_count is 'many'; expected int"),
        (OWN.replace("3000", "0"), "minimum_rbc_count is 0; give a number from 1 to 1e"),
        (OWN + "negative_limit_fraction = 1.5\n", "negative_limit_fraction is 1.5; give"),
        (OWN + "most_mistaken_fraction = 0.5\n", "most_mistaken_fraction is 0.5; give"),
        (OWN + "low_parasitaemia_fraction = 0.01\n", "give both or neither"),
        (OWN + 'thick = "ward-thick"\n', "protocol is 'ward-thick'; known: bsh-thin-1000, "),
        (OWN.replace('"ward-7"', '"ward-8"'), "its file names it 'ward-8'; rename either"),
        (OWN.replace('"thin"', '"round"'), "smear is 'round'; here 'thin' is read"),
        (OWN.replace('"ward-7"', '"ward 7"'), "use letters, digits, - and _ alone"),
        ("name = ", "is not TOML"),
    ],
)
def test_site_protocol_with_a_mistake_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_protocol("ward-7", write(tmp_path, text))


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    home = write(tmp_path, OWN)
    (home / "protocols/ward-7.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load_protocol("ward-7", home)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wbc_count_few = 100\n", "wbc_count_few is 100; give at least wbc_count, 200"),
        ("wbc_per_ul = 1\n", "wbc_per_ul is 1; give a number from 100"),
    ],
)
def test_thick_protocol_with_a_mistake_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, 'name = "t"\nsmear = "thick"\n' + text, "t")
    with pytest.raises(ConfigError, match=message):
        load_thick_protocol("t", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("who-thick", "'who-thick' is for thick smears; name one for thin smears"),
        ("who", "protocol is 'who'; known: bsh-thin-1000, cdc-thin, who-thick, who-thin-5000"),
        ("../../etc/passwd", "known: bsh-thin-1000"),
        ("cdc-thin@9", "is here in version 1; asked for '9'"),
    ],
)
def test_protocol_that_is_not_there_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_protocol(name, tmp_path)
    if "thick" not in name:
        return
    with pytest.raises(ConfigError, match="is for thin smears"):
        load_thick_protocol("cdc-thin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("protocol = 5", "protocol is 5; give a name or a table"),
        ('protocol = "who-thin"', "protocol is 'who-thin'; known"),
        ('[protocol]\nname = "cdc-thin"\nminimum_rbc_count = 9', "'cdc-thin', which ships"),
        ('[protocol]\nname = "mine"\nfields = 9', "unknown keys"),
    ],
)
def test_config_names_its_file_in_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        load_config(tmp_path)
    assert str(tmp_path / "config.toml") in str(refused.value)


def test_table_in_the_config_has_a_name_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[protocol]\nminimum_rbc_count = 30\n")
    protocol = load_config(tmp_path).protocol
    assert (protocol.name, protocol.minimum_rbc_count) == ("site", 30)
    (tmp_path / "config.toml").write_text('[protocol]\nname = "cdc-thin"\n')
    assert load_config(tmp_path).protocol == load_protocol("cdc-thin")
    (tmp_path / "config.toml").write_text("")
    assert load_config(tmp_path).protocol == default_protocol()
