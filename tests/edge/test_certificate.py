"""The device's own certificate: made, kept, renewed, and what doctor and the program say of it."""

from __future__ import annotations

import hashlib
import json
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from edge.certificate import (
    CERTIFICATE_FILE,
    LASTS,
    RENEWED_BEFORE,
    load_or_create_certificate,
    own_addresses,
    own_names,
    read_certificate,
    renew_certificate,
)
from edge.contract.errors import ConfigError, StoreError
from edge.health import FAILED, OK, WARNING
from edge.health.certificate import check_certificate

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
Run = Callable[..., tuple[int, str, str]]


def test_certificate_names_the_device_and_lasts_ten_years(tmp_path: Path) -> None:
    made = load_or_create_certificate(tmp_path, ["clinic.local"], NOW)
    assert "clinic.local" in made.names and "localhost" in made.names
    assert "127.0.0.1" in made.names
    assert made.ends == NOW + LASTS and made.lasts(NOW) == LASTS
    told = x509.load_pem_x509_certificate(made.path.read_bytes())
    assert isinstance(told.public_key(), ec.EllipticCurvePublicKey)
    assert told.not_valid_before_utc == datetime(2020, 1, 1, tzinfo=UTC)
    assert not told.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    der = ssl.PEM_cert_to_DER_cert(made.path.read_text().split("-----END PRIVATE KEY-----\n")[1])
    assert made.fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_file_is_the_owners_alone_and_is_kept(tmp_path: Path) -> None:
    made = load_or_create_certificate(tmp_path, (), NOW)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert load_or_create_certificate(tmp_path, (), NOW) == made == read_certificate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CERTIFICATE_FILE]


def test_it_is_renewed_before_it_ends_and_when_it_lacks_a_name(tmp_path: Path) -> None:
    first = load_or_create_certificate(tmp_path, (), NOW)
    late = NOW + LASTS - RENEWED_BEFORE
    assert load_or_create_certificate(tmp_path, (), late - timedelta(seconds=1)) == first
    second = load_or_create_certificate(tmp_path, (), late)
    assert second.fingerprint != first.fingerprint and second.ends == late + LASTS
    third = load_or_create_certificate(tmp_path, ["clinic.local"], late)
    assert third.fingerprint != second.fingerprint
    assert load_or_create_certificate(tmp_path, ["clinic.local"], late) == third


def test_clock_of_a_device_that_lost_its_battery_does_no_harm(tmp_path: Path) -> None:
    early = load_or_create_certificate(tmp_path, (), datetime(1970, 1, 2, tzinfo=UTC))
    assert early.ends.year == 1979
    assert load_or_create_certificate(tmp_path, (), NOW).ends == NOW + LASTS


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_damaged_file_is_told_and_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CERTIFICATE_FILE).write_bytes(content)
    with pytest.raises(StoreError, match="holds no key and certificate"):
        read_certificate(tmp_path)
    (check,) = check_certificate(tmp_path, NOW)
    assert check.state == FAILED and "restart the device" in check.advice
    assert load_or_create_certificate(tmp_path, (), NOW) == read_certificate(tmp_path)


def test_certificate_without_its_key_is_damaged(tmp_path: Path) -> None:
    made = load_or_create_certificate(tmp_path, (), NOW)
    _, _, certificate = made.path.read_text().partition("-----END PRIVATE KEY-----\n")
    made.path.write_text(certificate)
    with pytest.raises(StoreError):
        read_certificate(tmp_path)


@pytest.mark.parametrize("name", ["a b", "-x", "ü.local", "x" * 300, "*"])
def test_names_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"page\.host_names has"):
        renew_certificate(tmp_path, [name], NOW)
    assert read_certificate(tmp_path) is None


def test_device_knows_its_names() -> None:
    names = own_names(["clinic.local"])
    assert names[0] == "clinic.local" and "localhost" in names
    assert own_addresses()[-1] == "127.0.0.1" and set(own_addresses()) <= set(names)


def test_doctor_follows_its_age(tmp_path: Path) -> None:
    assert check_certificate(tmp_path) == []
    made = load_or_create_certificate(tmp_path, (), NOW)
    states = {
        days: check_certificate(tmp_path, made.ends - timedelta(days=days))[0].state
        for days in (61, 60, 1, 0, -1)
    }
    assert states == {61: OK, 60: WARNING, 1: WARNING, 0: FAILED, -1: FAILED}
    assert made.fingerprint[:23] in check_certificate(tmp_path)[0].detail


def test_program_shows_and_renews_it(clinicscope: Run, home: Path) -> None:
    code, _, said = clinicscope("certificate")
    assert code == 3 and "no certificate in" in said
    code, told, _ = clinicscope("certificate", "--renew", "--json")
    first = json.loads(told)
    assert code == 0 and first["file"] == str(home / CERTIFICATE_FILE)
    code, told, _ = clinicscope("certificate")
    assert code == 0 and f"SHA-256 {first['fingerprint_sha256']}" in told and "localhost" in told
    (home / "config.toml").write_text('[page]\nhost_names = ["clinic.local"]\n')
    code, told, _ = clinicscope("certificate", "--renew", "--json")
    assert "clinic.local" in json.loads(told)["names"]
    assert json.loads(told)["fingerprint_sha256"] != first["fingerprint_sha256"]
    code, told, _ = clinicscope("doctor", "--json")
    assert "certificate" in [check["name"] for check in json.loads(told)]
