"""Bundles from outside: only what a trusted key signed for this device, whole, and never older."""

from __future__ import annotations

import base64
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import pytest

from edge.bundle_choice import read_choices
from edge.config import DeviceConfig
from edge.contract.bundle import MANIFEST
from edge.contract.errors import (
    BundleError,
    BusyError,
    ClinicScopeError,
    ConfigError,
    ConflictError,
    GoldenMismatchError,
    IntegrityError,
    OldVersionError,
    OtherDeviceError,
    SignatureError,
    StorageFullError,
    UpdateError,
)
from edge.contract.labels import MALARIA_CELLS
from edge.installed import SHIPPED_DIR, list_bundles
from edge.store.audit import Audit
from edge.store.store import Store
from edge.updates.bundle_trial import read_trials
from edge.updates.floors import FLOORS_FILE, Floor, floor_of, updating
from edge.updates.keys import make_key, write_secret
from edge.updates.signature import BUNDLE, SIGNATURE_FILE, parse_envelope
from edge.updates.signing import describe, sign_update
from edge.updates.stage import ASIDE_DIR, INSTALLED, clear_aside, install_bundle
from edge.updates.trust import TRUST_DIR, add_key, revoke_keys
from tests.support.signed_updates import (
    NOW,
    Clinic,
    make_bundle,
    make_clinic,
    sign_bundle,
    spoil_golden,
    zipped,
)

CONFIG = DeviceConfig(threads=1)
SHIPPED = "malaria-cells-5"


def active(home: Path, task: str = MALARIA_CELLS) -> str:
    (found,) = (one.bundle_id for one in list_bundles(home) if one.active and one.task == task)
    return found


def refused(
    clinic: Clinic, store: Store, path: Path, kind: type[ClinicScopeError], why: str, **more: bool
) -> None:
    """It is refused for this reason, and nothing has changed."""
    floors = clinic.home / FLOORS_FILE
    before = active(clinic.home), floors.read_bytes() if floors.exists() else b""
    with pytest.raises(kind, match=why) as caught:
        install_bundle(store, CONFIG, path, clinic.asked(**more))
    assert type(caught.value) is kind
    after = active(clinic.home), floors.read_bytes() if floors.exists() else b""
    assert after == before and not read_trials(clinic.home).trials
    aside = clinic.home / ASIDE_DIR
    assert not aside.is_dir() or not list(aside.iterdir())


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_signed_bundle_is_installed_chosen_and_on_trial(
    clinic: Clinic, store: Store, as_zip: bool
) -> None:
    path = clinic.bundle(7)
    found = install_bundle(store, CONFIG, zipped(path) if as_zip else path, clinic.asked())
    assert (found.bundle_id, active(clinic.home)) == ("malaria-cells-7", "malaria-cells-7")
    assert floor_of(clinic.home, BUNDLE, MALARIA_CELLS).version == 7
    assert read_trials(clinic.home).trials[MALARIA_CELLS].sha256 == found.sha256
    installed = next(one for one in Audit(store).entries() if one.action == INSTALLED)
    assert (installed.by, installed.subject) == ("Ana", "malaria-cells-7")
    assert installed.detail["signed_by"] == clinic.key.public.key_id
    assert names_below(Path(found.path)) == names_below(path)


def test_one_that_is_only_installed_changes_nothing(clinic: Clinic, store: Store) -> None:
    found = install_bundle(store, CONFIG, clinic.bundle(7), clinic.asked(use=False))
    assert active(clinic.home) == SHIPPED and not read_trials(clinic.home).trials
    assert found.path in {one.path for one in list_bundles(clinic.home)}
    # The same once more, now to be used.
    install_bundle(store, CONFIG, clinic.engineer / "malaria-cells-7", clinic.asked())
    assert active(clinic.home) == "malaria-cells-7"


def test_a_wrong_key_is_refused(clinic: Clinic, store: Store) -> None:
    path = sign_bundle(make_bundle(clinic.engineer, 7), make_key())
    refused(clinic, store, path, SignatureError, "is not trusted on this device")


def test_a_key_that_claims_to_be_another_is_refused(clinic: Clinic, store: Store) -> None:
    path = sign_bundle(make_bundle(clinic.engineer, 7), make_key())
    change_signature(path, key_id=clinic.key.public.key_id)
    refused(clinic, store, path, SignatureError, "another key signed it")


def test_a_device_without_keys_takes_nothing(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    shutil.rmtree(clinic.home / TRUST_DIR)
    refused(clinic, store, path, SignatureError, r"\(trusted: none\)")


def test_a_revoked_key_is_refused(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    revoke_keys(clinic.home / TRUST_DIR, (clinic.key.public.key_id,))
    refused(clinic, store, path, SignatureError, "was revoked")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{}", "schema_version None"),
        (b"{", "cut off or damaged"),
        (b"[" * 100_000, "cut off or damaged"),
        (b"\xff\xfe", "cut off or damaged"),
    ],
)
def test_an_empty_or_damaged_signature_is_refused(
    clinic: Clinic, store: Store, content: bytes, why: str
) -> None:
    path = clinic.bundle(7)
    (path / SIGNATURE_FILE).write_bytes(content)
    refused(clinic, store, path, SignatureError, why)


def change_signature(path: Path, **changes: object) -> None:
    plain = json.loads((path / SIGNATURE_FILE).read_text())
    (path / SIGNATURE_FILE).write_text(json.dumps(plain | changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"signature": ""}, "holds no signature"),
        ({"signature": "AAAA"}, "3 bytes, expected 64"),
        ({"signature": "?"}, "not base64"),
        ({"signature": base64.b64encode(bytes(64)).decode()}, "altered since it was signed"),
        ({"version": 99}, "altered since it was signed"),
        ({"devices": ["any", "rpi4"]}, "altered since it was signed"),
        ({"sites": ["Moshi"]}, "altered since it was signed"),
        ({"signed_utc": "2030-01-01T00:00:00Z"}, "altered since it was signed"),
        ({"signed_utc": "\ud800"}, "cut off or damaged"),
        ({"schema_version": 2}, "this program reads 1"),
        ({"kind": "other"}, "kind is 'other'"),
        ({"name": "../x"}, "name is"),
        ({"version": 0}, "version is 0"),
        ({"version": True}, "cut off or damaged"),
        ({"devices": []}, "devices is empty"),
        ({"devices": ["toaster"]}, "devices holds 'toaster'"),
        ({"files": {}}, "lists 0 files"),
        ({"files": {"../evil": "0" * 64}}, "no update may hold"),
        ({"files": {"/etc/passwd": "0" * 64}}, "no update may hold"),
        ({"files": {"a/.hidden": "0" * 64}}, "no update may hold"),
        ({"files": {"a": "0"}}, "has no sha256"),
        ({"key_id": "x"}, "key_id is 'x'"),
        ({"more": 1}, "cut off or damaged"),
    ],
)
def test_an_altered_signature_is_refused(
    clinic: Clinic, store: Store, changes: dict[str, object], why: str
) -> None:
    path = clinic.bundle(7)
    change_signature(path, **changes)
    refused(clinic, store, path, SignatureError, why)


def test_each_field_is_signed(clinic: Clinic) -> None:
    """What a person could change without breaking the signature is nothing at all."""
    envelope = parse_envelope((clinic.bundle(7) / SIGNATURE_FILE).read_bytes())
    assert set(vars(envelope)) == {
        "schema_version", "kind", "name", "version", "devices", "sites", "files", "key_id",
        "signed_utc", "signature",
    }  # fmt: skip


def test_a_truncated_file_is_refused(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    weights = next(path.glob("*.tflite"))
    os.truncate(weights, weights.stat().st_size - 1)
    refused(clinic, store, path, IntegrityError, "copy the update again")


def test_a_truncated_zip_is_refused(clinic: Clinic, store: Store) -> None:
    path = zipped(clinic.bundle(7))
    os.truncate(path, path.stat().st_size // 2)
    refused(clinic, store, path, UpdateError, "neither a folder nor a whole zip")


@pytest.mark.parametrize("name", [MANIFEST, "MODEL_CARD.md"])
def test_a_flipped_byte_is_refused(clinic: Clinic, store: Store, name: str) -> None:
    path = clinic.bundle(7)
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(data)
    refused(clinic, store, path, IntegrityError, "has sha256")


def test_a_flipped_byte_in_a_zip_is_refused(clinic: Clinic, store: Store) -> None:
    path = zipped(clinic.bundle(7))
    with zipfile.ZipFile(path) as archive:
        entry = next(one for one in archive.infolist() if one.filename.endswith(".tflite"))
    data = bytearray(path.read_bytes())
    data[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 0x55
    path.write_bytes(data)
    refused(clinic, store, path, IntegrityError, "cannot be read|has sha256")


def test_a_missing_and_an_added_file_are_refused(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    (path / "more.txt").write_text("x")
    refused(clinic, store, path, IntegrityError, "does not list")
    (path / "more.txt").unlink()
    (path / "MODEL_CARD.md").unlink()
    refused(clinic, store, path, IntegrityError, "is missing")


def test_a_link_is_refused(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    (path / "MODEL_CARD.md").unlink()
    (path / "MODEL_CARD.md").symlink_to("/etc/passwd")
    refused(clinic, store, path, UpdateError, "is a link")
    (path / "MODEL_CARD.md").unlink()
    os.mkfifo(path / "MODEL_CARD.md")
    refused(clinic, store, path, UpdateError, "is no file")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "a/./b"])
def test_a_zip_that_leads_out_is_refused(clinic: Clinic, store: Store, name: str) -> None:
    path = zipped(clinic.bundle(7))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    refused(clinic, store, path, IntegrityError, "does not list")
    assert not list(clinic.home.parent.rglob("evil"))


def test_two_files_of_one_name_are_refused(clinic: Clinic, store: Store) -> None:
    path = zipped(clinic.bundle(7))
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr(MANIFEST, "{}")
    refused(clinic, store, path, UpdateError, "two files of the same name")


def test_a_bomb_is_refused_before_it_is_unpacked(
    clinic: Clinic, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed even: a megabyte of zeros that would be a gigabyte on the card."""
    monkeypatch.setattr("edge.updates.stage.MAX_BUNDLE_BYTES", 8 * 1024**2)
    path = clinic.engineer / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(9 * 1024**2))
    sign_update(path, describe(path, BUNDLE, MALARIA_CELLS, 7, ("any",), (), NOW), clinic.key)
    refused(clinic, store, path, UpdateError, "are allowed; refused")


def test_a_bomb_that_says_it_is_small_is_refused(
    clinic: Clinic, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.updates.source._check_room", lambda *_: None)
    monkeypatch.setattr("edge.updates.stage.MAX_BUNDLE_BYTES", 1024)
    refused(clinic, store, clinic.bundle(7), UpdateError, "would fill the card")


def test_an_older_one_is_refused_for_ever(clinic: Clinic, store: Store) -> None:
    for version in (7, 8):
        install_bundle(store, CONFIG, clinic.bundle(version), clinic.asked())
    old = clinic.engineer / "malaria-cells-7"
    refused_old = "older than version 8, which this device has had"
    with pytest.raises(OldVersionError, match=refused_old):
        install_bundle(store, CONFIG, old, clinic.asked())
    # Though all of it is gone, and the device itself went back meanwhile.
    shutil.rmtree(clinic.home / "bundles")
    with pytest.raises(OldVersionError, match=refused_old):
        install_bundle(store, CONFIG, old, clinic.asked())
    assert floor_of(clinic.home, BUNDLE, MALARIA_CELLS).version == 8


def test_older_than_what_comes_with_the_program_is_refused(clinic: Clinic, store: Store) -> None:
    refused(clinic, store, clinic.bundle(4), OldVersionError, "older than version 5")
    again = sign_bundle(
        Path(shutil.copytree(SHIPPED_DIR / SHIPPED, clinic.engineer / "again")), clinic.key
    )
    refused(clinic, store, again, OldVersionError, "already, and in use")
    other = sign_bundle(make_bundle(clinic.engineer, 5), clinic.key)
    card = other / MANIFEST
    card.write_text(card.read_text().replace('"version"', ' "version"', 1))
    refused(clinic, store, sign_bundle(other, clinic.key), OldVersionError, "carry one number")


def test_two_updates_of_one_number_are_refused(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    install_bundle(store, CONFIG, path, clinic.asked())
    with pytest.raises(OldVersionError, match="already, and in use"):
        install_bundle(store, CONFIG, path, clinic.asked())
    (path / MANIFEST).write_text((path / MANIFEST).read_text() + " ")
    with pytest.raises(OldVersionError, match="carry one number"):
        install_bundle(store, CONFIG, sign_bundle(path, clinic.key), clinic.asked())


def test_a_damaged_copy_is_put_anew(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    found = install_bundle(store, CONFIG, path, clinic.asked())
    (Path(found.path) / "MODEL_CARD.md").write_text("spoilt")
    again = install_bundle(store, CONFIG, path, clinic.asked())
    assert again.path == found.path
    ids = [one.bundle_id for one in read_choices(clinic.home)[MALARIA_CELLS]]
    assert ids == [SHIPPED, "malaria-cells-7"]
    assert (Path(found.path) / "MODEL_CARD.md").read_bytes() == (
        path / "MODEL_CARD.md"
    ).read_bytes()


def test_another_bundle_of_the_same_id_keeps_its_place(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    own = make_bundle(clinic.home / "bundles", 7)
    (own / MANIFEST).write_text((own / MANIFEST).read_text() + " ")
    found = install_bundle(store, CONFIG, path, clinic.asked())
    assert found.path != str(own) and found.active is False
    assert next(one.path for one in list_bundles(clinic.home) if one.active) != str(own)


@pytest.mark.parametrize(
    ("devices", "sites", "why"),
    [
        (("rpi4",), (), "is for rpi4; this device is clinicscope-k7x2, a rpi5"),
        (("clinicscope-aaaa",), (), "is for clinicscope-aaaa"),
        (("any",), ("Arusha", "Tanga"), "sites Arusha, Tanga; this device is at 'Moshi'"),
    ],
)
def test_one_for_others_is_refused(
    clinic: Clinic, store: Store, devices: tuple[str, ...], sites: tuple[str, ...], why: str
) -> None:
    path = sign_bundle(make_bundle(clinic.engineer, 7), clinic.key, devices, sites)
    refused(clinic, store, path, OtherDeviceError, why)


@pytest.mark.parametrize("device", ["any", "rpi5", "clinicscope-k7x2"])
def test_one_for_this_device_is_taken(clinic: Clinic, store: Store, device: str) -> None:
    path = make_bundle(clinic.engineer, 7)
    sign_bundle(path, clinic.key, ("jetson_orin_nano", device), ("Arusha", "Moshi"))
    install_bundle(store, CONFIG, path, clinic.asked())
    assert active(clinic.home) == "malaria-cells-7"


def test_what_is_signed_as_something_else_is_refused(clinic: Clinic, store: Store) -> None:
    path = make_bundle(clinic.engineer, 7)
    for name, version in ((MALARIA_CELLS, 9), ("malaria-stages", 9)):
        sign_update(path, describe(path, BUNDLE, name, version, ("any",), (), NOW), clinic.key)
        refused(clinic, store, path, SignatureError, "sign it again")
    unsigned = describe(path, "application", "clinicscope", 9, ("any",), (), NOW)
    sign_update(path, unsigned, clinic.key)
    refused(clinic, store, path, UpdateError, "is a signed application, not a bundle")


def test_one_that_fails_its_golden_test_never_comes_into_use(clinic: Clinic, store: Store) -> None:
    path = sign_bundle(spoil_golden(make_bundle(clinic.engineer, 7)), clinic.key)
    refused(clinic, store, path, GoldenMismatchError, "must not screen")
    assert not list_installed(clinic.home)


def list_installed(home: Path) -> list[str]:
    return [one.bundle_id for one in list_bundles(home) if Path(one.path).is_relative_to(home)]


def test_an_unsigned_one_needs_an_engineers_word(clinic: Clinic, store: Store) -> None:
    path = make_bundle(clinic.engineer, 7)
    refused(clinic, store, path, SignatureError, "is not signed")
    found = install_bundle(store, CONFIG, path, clinic.asked(may_be_unsigned=True))
    assert active(clinic.home) == found.bundle_id
    assert floor_of(clinic.home, BUNDLE, MALARIA_CELLS) == Floor(0)
    detail = next(one.detail for one in Audit(store).entries() if one.action == INSTALLED)
    assert detail["signed_by"] == ""


def test_her_word_does_not_make_a_wrong_signature_right(clinic: Clinic, store: Store) -> None:
    path = sign_bundle(make_bundle(clinic.engineer, 7), make_key())
    refused(clinic, store, path, SignatureError, "is not trusted", may_be_unsigned=True)


def test_a_bundle_named_by_the_config_stays(clinic: Clinic, store: Store) -> None:
    with pytest.raises(ConflictError, match=r"config\.toml names /x"):
        install_bundle(store, DeviceConfig(bundle="/x"), clinic.bundle(7), clinic.asked())
    assert not list_installed(clinic.home)


def test_an_id_that_names_no_folder_is_refused(clinic: Clinic, store: Store) -> None:
    path = make_bundle(clinic.engineer, 7)
    text = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text(text.replace('"malaria-cells-7"', '"../x"'))
    refused(clinic, store, sign_bundle(path, clinic.key), BundleError, "no name of a folder")


def test_nothing_there_is_said(clinic: Clinic, store: Store, tmp_path: Path) -> None:
    refused(clinic, store, tmp_path / "none.zip", UpdateError, "no update at")
    (tmp_path / "x.zip").write_text("no zip")
    refused(clinic, store, tmp_path / "x.zip", UpdateError, "neither a folder nor a whole zip")


def test_one_update_at_a_time(clinic: Clinic, store: Store) -> None:
    (clinic.home / ASIDE_DIR / "x").mkdir(parents=True)
    with updating(clinic.home):
        with pytest.raises(BusyError, match="another update is at work"):
            install_bundle(store, CONFIG, clinic.bundle(7), clinic.asked())
        clear_aside(clinic.home)
        assert (clinic.home / ASIDE_DIR / "x").is_dir()
    clear_aside(clinic.home)
    assert not (clinic.home / ASIDE_DIR / "x").exists()


def test_damaged_floors_let_nothing_in(clinic: Clinic, store: Store) -> None:
    for text in ("{", '{"schema_version": 2, "floors": {}}'):
        (clinic.home / FLOORS_FILE).write_text(text)
        refused(clinic, store, clinic_bundle(clinic), ConfigError, "is damaged")


def clinic_bundle(clinic: Clinic) -> Path:
    path = clinic.engineer / "malaria-cells-7"
    return path if path.exists() else clinic.bundle(7)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data directory on a file system of 6 MB."""
    path = tmp_path / "home"
    path.mkdir()
    done = run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    yield path
    run(["umount", path], check=True)


def test_a_full_disk_leaves_the_old_one(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = make_clinic(tmp_path)
    store = clinic.store()
    path = clinic.bundle(7)
    refused(clinic, store, path, StorageFullError, "kept free")
    # It says there is room, and then there is none: at each place where it may end.
    monkeypatch.setattr("edge.updates.source.KEPT_FREE_BYTES", 0)
    free = shutil.disk_usage(small_disk).free
    need = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    taken = 0
    for left in (need - 4096, need // 2, 4096):
        (small_disk / "ballast").write_bytes(bytes(free - left))
        monkeypatch.setattr("edge.updates.source.shutil.disk_usage", lambda _: Roomy())
        refused(clinic, store, path, StorageFullError, "free some space")
        monkeypatch.undo()
        monkeypatch.setattr("edge.updates.source.KEPT_FREE_BYTES", 0)
        (small_disk / "ballast").unlink()
        taken += 1
    assert taken == 3
    install_bundle(store, CONFIG, path, clinic.asked())
    assert active(clinic.home) == "malaria-cells-7"
    store.close()


class Roomy:
    free = 10**12


def test_the_choice_before_is_named_so_that_the_way_back_leads_there(
    clinic: Clinic, store: Store
) -> None:
    install_bundle(store, CONFIG, clinic.bundle(7), clinic.asked())
    ids = [one.bundle_id for one in read_choices(clinic.home)[MALARIA_CELLS]]
    assert ids == [SHIPPED, "malaria-cells-7"]


Program = Callable[..., tuple[int, str, str]]


def test_the_commands_sign_verify_and_install(
    home: Path, tmp_path: Path, clinicscope: Program
) -> None:
    key, other = make_key(), make_key()
    write_secret(tmp_path / "site.key", key)
    write_secret(tmp_path / "other.key", other)
    add_key(home / TRUST_DIR, key.public)
    path = make_bundle(tmp_path, 7)
    assert "not signed" in clinicscope("bundle", "verify", path)[1]
    code, _, said = clinicscope("bundle", "install", path)
    assert code == 3 and "is not signed" in said
    archive = zipped(path)
    told = clinicscope("bundle", "sign", archive, "--key", tmp_path / "site.key", "--device", "any")
    assert told[0] == 0 and key.public.key_id in told[1]
    code, out, said = clinicscope("bundle", "verify", archive)
    assert code == 0 and f"signed by key {key.public.key_id}" in out, said
    code, out, said = clinicscope("bundle", "install", archive)
    assert code == 0 and "on trial" in out, said
    assert active(home) == "malaria-cells-7"
    assert clinicscope("bundle", "sign", path, "--key", tmp_path / "other.key")[0] == 0
    code, _, said = clinicscope("bundle", "verify", path)
    assert code == 3 and "not trusted" in said
    wrong = clinicscope("bundle", "sign", path, "--key", tmp_path / "site.key", "--device", "pi")
    assert wrong[0] == 3 and "devices holds 'pi'" in wrong[2]
    third = make_bundle(tmp_path, 8)
    told = clinicscope("bundle", "install", third, "--allow-unsigned", "--no-use")
    assert told[0] == 0 and told[1].endswith("is installed\n")
    assert active(home) == "malaria-cells-7"
