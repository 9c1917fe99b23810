"""The first start: a name, a password of the device's own, and nothing done twice."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

import pytest

from edge.config import load_config
from edge.contract.errors import ConfigError, StoreError
from edge.first_boot import draw_identity, fill, set_up
from edge.hotspot import Hotspot, draw_password, read_hotspot, written
from edge.setup_code import forget_setup_code, kept_code

TEMPLATE = Path("firmware_config/network/profiles/hotspot.nmconnection")
NAME = "clinicscope-k7x2"
CONNECTION = "etc/NetworkManager/system-connections/clinicscope-hotspot.nmconnection"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system on which the installer put the hotspot's template."""
    template = tmp_path / "usr/local/share/clinicscope/hotspot.nmconnection"
    template.parent.mkdir(parents=True)
    template.write_bytes(TEMPLATE.read_bytes())
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
    return tmp_path


def snapshot(root: Path) -> dict[Path, tuple[bytes, float]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_name_is_drawn_and_the_certificate_will_hold_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[page]\nhost_names = ["clinic.local"]\n')
    first = draw_identity(tmp_path)
    names = load_config(tmp_path).page.host_names
    assert len(first) == 2 and names[0] == "clinic.local"
    assert names[1].startswith("clinicscope-") and names[1].endswith(".local")
    assert names[2:] == ("clinicscope.lan", "10.42.0.1")
    assert draw_identity(tmp_path) == []


def test_host_and_hotspot_are_set_up_once(root: Path) -> None:
    called: list[str] = []
    done = set_up(NAME, root, called.append)
    assert called == [NAME] and len(done) == 6
    assert (root / "etc/hostname").read_text() == NAME + "\n"
    assert (root / "etc/hosts").read_text() == f"127.0.0.1\tlocalhost\n127.0.1.1\t{NAME}\n"
    hotspot = read_hotspot(root / "etc/clinicscope/hotspot.json")
    assert hotspot is not None and hotspot.name == NAME
    before = snapshot(root)
    assert set_up(NAME, root, called.append)[1:] == []
    assert snapshot(root) == before


def test_connection_is_roots_alone_and_holds_what_the_page_shows(root: Path) -> None:
    set_up(NAME, root, lambda _: None)
    path = root / CONNECTION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = read_hotspot(root / "etc/clinicscope/hotspot.json")
    read = configparser.ConfigParser()
    read.read(path)
    assert shown is not None and read["wifi-security"]["psk"] == shown.password
    assert read["wifi"]["ssid"] == NAME and read["wifi"]["mode"] == "ap"
    screen = root / "run/issue.d/clinicscope.issue"
    assert stat.S_IMODE(screen.stat().st_mode) == 0o600
    assert f"Wi-Fi {NAME}, password {shown.password}\n" in screen.read_text()


def test_screen_shows_the_code_until_the_device_has_its_admin(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    draw_identity(home)
    code = kept_code(home)
    set_up(NAME, root, lambda _: None, code)
    screen = root / "run/issue.d/clinicscope.issue"
    assert code and f"give the code {code}\n" in screen.read_text()
    forget_setup_code(home)
    set_up(NAME, root, lambda _: None, kept_code(home))
    assert "code" not in screen.read_text()
    (home / "records.db").touch()
    draw_identity(home)
    assert kept_code(home) == "", "the service knows whether there is an admin"


def test_root_follows_no_link_to_a_code(tmp_path: Path) -> None:
    (tmp_path / "else").write_text("2345-6789\n")
    (tmp_path / "setup-code").symlink_to(tmp_path / "else")
    assert kept_code(tmp_path) == ""
    (tmp_path / "setup-code").unlink()
    for content in (b"", b"\xff", b"password\n", b"2345-6789x"):
        (tmp_path / "setup-code").write_bytes(content)
        assert kept_code(tmp_path) == ""
    (tmp_path / "setup-code").write_bytes(b"2345-6789\n")
    assert kept_code(tmp_path) == "2345-6789"


def test_cut_off_first_start_is_ended_by_the_next(root: Path) -> None:
    kept = Hotspot(NAME, draw_password())
    path = root / "etc/clinicscope/hotspot.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(written(kept))
    set_up(NAME, root, lambda _: None)
    assert read_hotspot(path) == kept
    assert kept.password in (root / CONNECTION).read_text()


def test_without_a_template_there_is_no_hotspot(root: Path) -> None:
    (root / "usr/local/share/clinicscope/hotspot.nmconnection").unlink()
    set_up(NAME, root, lambda _: None)
    assert not (root / "etc/clinicscope").exists() and not (root / CONNECTION).exists()


def test_passwords_differ_and_are_told_in_no_message(root: Path) -> None:
    drawn = {draw_password() for _ in range(1000)}
    assert len(drawn) == 1000 and all(len(one) == 14 for one in drawn)
    done = set_up(NAME, root, lambda _: None)
    shown = read_hotspot(root / "etc/clinicscope/hotspot.json")
    assert shown is not None and all(shown.password not in one.what for one in done)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"name": "a b", "password": "abcd-efgh-jkmn"}', b'{"name":']
)
def test_damaged_hotspot_is_refused(root: Path, content: bytes) -> None:
    path = root / "etc/clinicscope/hotspot.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="delete it and restart the device"):
        set_up(NAME, root, lambda _: None)


def test_template_without_a_place_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no @PASSWORD@; install it again"):
        fill("uuid=@UUID@\nssid=@NAME@\n", Hotspot(NAME, draw_password()))


def test_disk_that_refuses_is_said(root: Path) -> None:
    (root / "etc/clinicscope").write_text("a file where a folder should be")
    with pytest.raises(StoreError):
        set_up(NAME, root, lambda _: None)
