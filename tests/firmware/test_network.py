"""Firewall, Wi-Fi, names: read by the device's own programs, and tried with packets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.first_boot import fill
from edge.hotspot import ADDRESS, HOST, Hotspot, draw_password
from tests.firmware.units import FIRMWARE, run

NETWORK = FIRMWARE / "network"
RULES = NETWORK / "nftables/firewall.nft"
SHARED = NETWORK / "NetworkManager/dnsmasq-shared.d/clinicscope.conf"
AVAHI = NETWORK / "avahi/clinicscope.service"
AVAHI_GRAMMAR = "/usr/share/avahi/avahi-service.dtd"
PAGE, SSH, OTHER = 443, 22, 5000


def neighbours(rules: Path) -> dict[str, dict[str, int]]:
    """Who reaches what, as tests/firmware/neighbours.py finds in networks of its own."""
    words = ["unshare", "--map-root-user", "--net", "--mount", sys.executable]
    done = subprocess.run(
        [*words, "tests/firmware/neighbours.py", rules], check=True, capture_output=True
    )
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


def test_phone_at_the_hotspot_reaches_the_page_and_nothing_else() -> None:
    found = neighbours(RULES)
    assert found["phone"] == {
        "10.42.0.1 22": 0,
        "10.42.0.1 80": PAGE,
        "10.42.0.1 443": PAGE,
        "10.42.0.1 5000": 0,
        "192.168.7.2 443": 0,
    }
    assert found["laptop"] == {
        "192.168.7.1 22": SSH,
        "192.168.7.1 80": PAGE,
        "192.168.7.1 443": PAGE,
        "192.168.7.1 5000": 0,
        "10.42.0.2 443": 0,
    }
    # What the station itself asks, and asks itself, is its own.
    assert found["station"] == {"192.168.7.2 443": PAGE, "127.0.0.1 5000": OTHER}


def test_packets_trip_where_the_rules_leave_the_way_open(tmp_path: Path) -> None:
    lines = RULES.read_text().splitlines(keepends=True)
    opened = tmp_path / "opened.nft"
    opened.write_text("".join(line for line in lines if "addr $hotspot drop" not in line))
    assert neighbours(opened)["phone"]["192.168.7.2 443"] == PAGE


@pytest.mark.parametrize("spoilt", [False, True])
def test_nft_checks_the_rules(tmp_path: Path, spoilt: bool) -> None:
    rules = tmp_path / "rules.nft"
    text = RULES.read_text()
    rules.write_text(text.replace("policy drop", "policy dorp") if spoilt else text)
    done = run("unshare", "--map-root-user", "--net", "nft", "--check", "--file", rules)
    assert (done.returncode == 0 and not done.stdout) != spoilt, done.stdout


def read_by_network_manager(text: str) -> subprocess.CompletedProcess[str]:
    """NetworkManager's own reader of connections; what it understood comes back."""
    words = ["nmcli", "--offline", "connection", "modify", "connection.zone", ""]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "path", sorted((NETWORK / "profiles").glob("*.nmconnection")), ids=lambda path: path.stem
)
def test_network_manager_understands_all_of_each_connection(path: Path) -> None:
    text = path.read_text()
    if "@NAME@" in text:
        text = fill(text, Hotspot("clinicscope-k7x2", draw_password()))
    done = read_by_network_manager(text)
    assert done.returncode == 0, done.stderr
    # What it does not know it drops without a word; a default it may drop, too.
    dropped = set(settings(text)) - set(settings(done.stdout)) - {"autoconnect=true"}
    assert dropped == set()


def settings(text: str) -> list[str]:
    lines = (line.strip().rstrip(";") for line in text.splitlines())
    return [line.replace(" ", "") for line in lines if "=" in line and not line.startswith("#")]


def test_network_manager_trips_on_a_spoilt_connection() -> None:
    text = fill((NETWORK / "profiles/hotspot.nmconnection").read_text(),
                Hotspot("clinicscope-k7x2", draw_password()))  # fmt: skip
    assert read_by_network_manager(text.replace("mode=ap", "mode=apex")).returncode != 0


def test_phones_at_the_hotspot_are_told_the_stations_name() -> None:
    done = run("dnsmasq", "--test", "--conf-file=" + str(SHARED))
    assert done.returncode == 0, done.stdout
    assert f"address=/{HOST}/{ADDRESS}\n" in SHARED.read_text()
    assert f"address1={ADDRESS}/24\n" in (NETWORK / "profiles/hotspot.nmconnection").read_text()
    assert "define hotspot = 10.42.0.0/24\n" in RULES.read_text()


@pytest.mark.parametrize("spoilt", [False, True])
def test_avahi_is_told_in_its_own_grammar(tmp_path: Path, spoilt: bool) -> None:
    text = AVAHI.read_text()
    path = tmp_path / "clinicscope.service"
    path.write_text(text.replace("<port>", "<ports>").replace("</port>", "</ports>")
                    if spoilt else text)  # fmt: skip
    done = run("xmllint", "--noout", "--dtdvalid", AVAHI_GRAMMAR, path)
    assert (done.returncode == 0) != spoilt, done.stdout
