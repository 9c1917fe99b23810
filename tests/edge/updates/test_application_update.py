"""An update of the program on a device: put in force, found good, taken back, refused."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sqlite3
import subprocess
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge import starts
from edge.contract.errors import (
    ClinicScopeError,
    ConflictError,
    IntegrityError,
    OldVersionError,
    OtherDeviceError,
    SignatureError,
    StorageFullError,
    StoreError,
    UpdateError,
)
from edge.store.store import Store
from edge.updates.application import InstalledVersion, Versions
from edge.updates.apply import Device, apply_update
from edge.updates.environment import pip_for, prove, prove_camera, sees_system
from edge.updates.go_back import go_back
from edge.updates.incoming import lay_for_root
from edge.updates.kept_records import records_back, revision_of, try_migration
from edge.updates.keys import SecretKey, make_key
from edge.updates.pack_application import take_pip
from edge.updates.source import UpdateSource, read_envelope
from edge.updates.standing import standing_of
from edge.updates.trial import STARTS_FILE, TRIAL_FILE, last_update, read_trial
from edge.updates.trust import add_key
from edge.updates.watch import Patience, find_good, is_well
from tests.support.tiny_application import (
    FAILS_GOLDEN,
    LARGE,
    MIGRATES,
    ROOT,
    UNREADY,
    make_device,
    make_update,
    put_first_version,
)

GUARD = ROOT / "firmware_config" / "update" / "update-guard"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def key() -> SecretKey:
    return make_key()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, key: SecretKey) -> Path:
    """The program's folder on a device as it was installed, version 0.1.0."""
    folder = tmp_path_factory.mktemp("first")
    device = make_device(folder / "opt", folder / "home", key.public)
    put_first_version(device, folder)
    return folder / "opt"


@pytest.fixture(scope="module")
def second(first: Path, tmp_path_factory: pytest.TempPathFactory, key: SecretKey) -> Path:
    """The same after an update to 0.2.0, number 5, which is on trial; beside it the update."""
    folder = tmp_path_factory.mktemp("second")
    shutil.copytree(first, folder / "opt", symlinks=True)
    device = make_device(folder / "opt", folder / "home", key.public)
    new = apply_update(device, make_update(folder, key, "0.2.0", 5))
    assert (new.program, new.number) == ("0.2.0", 5)
    return folder / "opt"


@pytest.fixture()
def device(first: Path, tmp_path: Path, key: SecretKey) -> Device:
    """A device of a test's own; its commands name the environment that it is a copy of."""
    shutil.copytree(first, tmp_path / "opt", symlinks=True)
    return make_device(tmp_path / "opt", tmp_path / "home", key.public)


@pytest.fixture()
def on_trial(second: Path, tmp_path: Path, key: SecretKey) -> Device:
    """The same with the new version on trial."""
    shutil.copytree(second, tmp_path / "opt", symlinks=True)
    return make_device(tmp_path / "opt", tmp_path / "home", key.public)


def in_force(device: Device) -> str:
    """What the command at the link says of itself."""
    words = [str(device.versions.root / "current" / "bin" / "clinicscope"), "--version"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1]


@contextmanager
def page_of(device: Device) -> Iterator[str]:
    """The version in force, serving; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(device.versions.root / "current" / "bin" / "clinicscope"), "run", str(port)]
    environment = {"CLINICSCOPE_HOME": str(device.owner.home), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as child:
        try:
            yield f"http://127.0.0.1:{port}/healthz"
        finally:
            child.kill()


def guard(device: Device) -> subprocess.CompletedProcess[str]:
    """What happens before each start of the service."""
    environment = {"CLINICSCOPE_HOME": str(device.owner.home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [str(GUARD), str(device.versions.root)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_update_is_on_trial_then_good_and_the_old_version_is_kept(
    on_trial: Device, second: Path, key: SecretKey, tmp_path: Path
) -> None:
    device, new = on_trial, on_trial.versions.current
    assert in_force(device) == "0.2.0"
    assert standing_of(device.versions.root).on_trial
    with pytest.raises(ConflictError, match=r"0\.2\.0 is still on trial"):
        apply_update(device, make_update(tmp_path, key, "0.3.0", 6))

    with page_of(device) as url:
        assert is_well(url, Patience(0.2, 30.0)) == ""
    assert find_good(device.versions, device.owner) == new
    found = standing_of(device.versions.root)
    assert (found.program, found.before, found.on_trial) == ("0.2.0", "0.1.0", False)
    assert found.last
    assert found.last.outcome == "good"
    assert find_good(device.versions, device.owner) is None
    # The same file once more changes nothing; an older one is never taken.
    assert apply_update(device, second.parent / "update-0.2.0.zip") == new
    with pytest.raises(OldVersionError, match="version 4 is older than version 5"):
        apply_update(device, make_update(tmp_path, key, "0.1.5", 4))
    with pytest.raises(OldVersionError, match="two updates carry one number"):
        apply_update(device, make_update(tmp_path, key, "0.2.1", 5))
    assert in_force(device) == "0.2.0"


def test_version_that_migrates_and_is_never_ready_goes_back_with_its_records(
    device: Device, key: SecretKey, tmp_path: Path
) -> None:
    Store(device.owner.home).close()
    database = device.owner.home / "records.db"
    before = revision_of(database)
    apply_update(device, make_update(tmp_path, key, "0.2.0", 5, [MIGRATES, UNREADY]))
    with page_of(device) as url:
        problem = is_well(url, Patience(0.2, 1.2))
    assert problem == f"{url} answered 503"
    assert revision_of(database) == "9999"

    back = go_back(device.versions, device.owner, problem)
    assert back.program == in_force(device) == "0.1.0"
    assert revision_of(database) == before
    assert [revision_of(path) for path in device.owner.home.glob("records-of-9999-*.db")] == [
        "9999"
    ]
    Store(device.owner.home).close()
    assert read_trial(device.versions) is None
    found = last_update(device.versions)
    assert found
    assert (found.outcome, found.why) == ("taken back", problem)
    # No stick brings it again by itself; and there is nothing further back.
    with pytest.raises(UpdateError, match=r"was taken back here at .* answered 503"):
        apply_update(device, make_update(tmp_path / "again", key, "0.2.0", 5))
    with pytest.raises(ConflictError, match="no other version"):
        go_back(device.versions, device.owner, "again")


def test_version_that_is_started_too_often_is_taken_back_before_the_next_start(
    on_trial: Device,
) -> None:
    device = on_trial
    for _ in range(3):
        guard(device)
        assert in_force(device) == "0.2.0"
    assert "started 3 times and not found good" in guard(device).stderr
    assert in_force(device) == "0.1.0"
    assert read_trial(device.versions) is None
    assert guard(device).stderr == ""


def test_bad_update_goes_back_before_the_budget_of_restarts_is_spent() -> None:
    found = re.search(r"most=\$\{2:-(\d+)\}", GUARD.read_text())
    assert found
    assert int(found[1]) < starts.MOST


def test_guard_switches_alone_where_the_version_before_is_broken(
    device: Device, key: SecretKey, tmp_path: Path
) -> None:
    root = device.versions.root
    (root / "versions" / "0.2.0" / "bin").mkdir(parents=True)
    (root / "previous").symlink_to("versions/0.1.0")
    (root / "versions" / "0.1.0" / "bin" / "clinicscope").unlink()
    (root / "current").unlink()
    (root / "current").symlink_to("versions/0.2.0")
    (root / TRIAL_FILE).write_text('{"program": "0.2.0"}')
    (root / STARTS_FILE).write_text("...")
    assert "only the program is switched" in guard(device).stderr
    assert (root / "current").readlink() == Path("versions/0.1.0")
    assert not (root / TRIAL_FILE).exists()


def test_trial_without_its_switch_is_none(device: Device) -> None:
    root = device.versions.root
    device.versions.keep_way_back()
    trial = {"program": "0.2.0", "number": 5, "before": "0.1.0", "began_utc": "", "records": ""}
    (root / TRIAL_FILE).write_text(json.dumps(trial))
    assert read_trial(device.versions) is None
    guard(device)
    assert not (root / TRIAL_FILE).exists()


def test_version_that_does_not_prove_itself_never_comes_into_force(
    device: Device, key: SecretKey, tmp_path: Path
) -> None:
    with pytest.raises(UpdateError, match=r"golden logit differs by 3\.100"):
        apply_update(device, make_update(tmp_path, key, "0.2.0", 5, [FAILS_GOLDEN]))
    assert in_force(device) == "0.1.0"
    assert not device.versions.path_of("0.2.0").exists()
    found = last_update(device.versions)
    assert found
    assert found.outcome == "refused"
    current = device.versions.current
    assert current
    with pytest.raises(
        UpdateError, match=r"calls itself 'clinicscope, version 0\.1\.0', not 0\.2\.0"
    ):
        prove(replace(current, program="0.2.0"), device.owner)


def test_version_that_has_lost_the_camera_is_refused(device: Device, tmp_path: Path) -> None:
    current = device.versions.current
    assert current
    broken = InstalledVersion(tmp_path / "broken", "0.2.0", 5)
    broken.command.parent.mkdir(parents=True)
    broken.command.write_text("#!/bin/sh\necho no module named picamera2 >&2\nexit 4\n")
    broken.command.chmod(0o755)
    prove_camera(current.command, broken, device.owner)  # none is set
    config = device.owner.home / "config.toml"
    config.write_text('[camera]\nname = "replay"\nsettings = { folder = "/nowhere" }\n')
    prove_camera(current.command, broken, device.owner)  # it gave no picture before either
    config.write_text('[camera]\nname = "simulated"\n')
    with pytest.raises(UpdateError, match="no module named picamera2"):
        prove_camera(current.command, broken, device.owner)


def test_environment_sees_the_systems_packages_where_the_one_in_force_does(
    device: Device,
) -> None:
    assert not sees_system(device.versions)
    current = device.versions.current
    assert current
    text = (current.path / "pyvenv.cfg").read_text()
    (current.path / "pyvenv.cfg").write_text(text.replace("packages = false", "packages = true"))
    assert sees_system(device.versions)
    assert not sees_system(Versions(device.versions.root / "none"))


def _flip(path: Path) -> None:
    """One bit in the middle of the wheel."""
    data = bytearray(path.read_bytes())
    data[data.index(b"tiny_clinicscope.py") + 60] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _unsigned(path: Path) -> None:
    with zipfile.ZipFile(path) as old:
        kept = {name: old.read(name) for name in old.namelist() if name != "SIGNATURE"}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in kept.items():
            new.writestr(name, data)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_flip, IntegrityError, "copy the update again"),
        (_cut, UpdateError, "nor a whole zip|is not signed"),
        (_unsigned, SignatureError, "is not signed"),
        (Path.unlink, UpdateError, "cannot be copied"),
    ],
)
def test_spoilt_update_is_refused(
    device: Device,
    key: SecretKey,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    error: type[ClinicScopeError],
    message: str,
) -> None:
    update = make_update(tmp_path, key, "0.2.0", 5)
    spoil(update)
    with pytest.raises(error, match=message):
        apply_update(device, update)
    assert in_force(device) == "0.1.0"
    assert not list(device.versions.root.glob(".incoming-*"))


def test_update_of_another_key_device_processor_python_or_version_is_refused(
    device: Device, key: SecretKey, tmp_path: Path
) -> None:
    for number, (settings, error, message) in enumerate(
        [
            ({"key": make_key()}, SignatureError, "is not trusted on this device"),
            ({"devices": ["rpi5"]}, OtherDeviceError, "is for rpi5; this device is clinicscope-"),
            ({"machine": "riscv64"}, UpdateError, "made for riscv64"),
            ({"python": "3.9"}, UpdateError, "needs Python 3.9"),
            ({"version": "0.1.0"}, ConflictError, "0.1.0 is in use already"),
        ]
    ):
        told = {"key": key, "version": "0.2.0", "number": 5} | settings
        update = make_update(tmp_path / str(number), **told)  # type: ignore[arg-type]
        with pytest.raises(error, match=message):
            apply_update(device, update)
    assert in_force(device) == "0.1.0"


def test_records_of_a_newer_version_without_a_copy_stop_the_way_back(home: Path) -> None:
    Store(home).close()
    with sqlite3.connect(home / "records.db") as records:
        records.execute("UPDATE alembic_version SET version_num = '9999'")
    for name in ("", "records-before-0.2.0.db"):
        with pytest.raises(StoreError, match="schema 9999, which this version cannot read"):
            records_back(home, name)
    with pytest.raises(StoreError, match="a newer version made it"):
        try_migration(home)
    assert not list((home / "updates").glob(".trying-*"))


def test_service_lays_an_update_out_and_root_takes_it(
    clinicscope: Run, device: Device, key: SecretKey, tmp_path: Path, home: Path
) -> None:
    root, trust = device.versions.root, tmp_path / "trust"
    add_key(trust, key.public)
    update = make_update(tmp_path, key, "0.2.0", 5)
    words = ("application", "apply", "--root", root, "--trust")
    with UpdateSource(update) as source:
        laid = lay_for_root(source, read_envelope(source), home)
    # Keys of the data directory do not count: the service could write them.
    add_key(home / "trust", key.public)
    code, _, err = clinicscope(*words, tmp_path / "none")
    assert code == 3
    assert "not trusted on this device (trusted: none)" in err
    assert not laid.exists()
    assert standing_of(root).last.outcome == "refused"  # type: ignore[union-attr]

    with UpdateSource(update) as source:
        lay_for_root(source, read_envelope(source), home)
    store = Store(home)
    store.start_specimen("S-1", "upload", {})
    code, _, err = clinicscope(*words, trust)
    assert code == 75
    assert "waits until it is done" in err
    assert laid.exists()
    store.recover()
    store.close()
    code, out, _ = clinicscope(*words, trust)
    assert (code, out) == (0, "version 0.2.0 (5) is in force, on trial\n")
    assert not laid.exists()
    assert clinicscope(*words, trust) == (0, "", "")


def test_program_proves_itself_watches_says_how_it_stands_and_goes_back(
    clinicscope: Run, on_trial: Device, home: Path
) -> None:
    Store(home).close()
    code, out, _ = clinicscope("application", "prove")
    assert code == 0
    assert "is sound on" in out
    root = on_trial.versions.root
    out = clinicscope("application", "status", "--root", root)[1]
    assert "goes back by itself" in out
    with page_of(on_trial) as url:
        words = ("application", "observe", "--root", root, "--url", url)
        code, out, _ = clinicscope(*words, "--well", 0.1, "--within", 30)
        assert (code, out) == (0, "version 0.2.0 is good\n")
        assert clinicscope(*words, "--well", 0.1, "--within", 30)[1] == (
            "well; nothing is on trial\n"
        )
    assert clinicscope(*words, "--well", 0.1, "--within", 0.3)[0] == 4
    assert "the second must be the longer" in clinicscope(*words, "--well", 9, "--within", 3)[2]
    assert "0.1.0 is in force again" in clinicscope("application", "rollback", "--root", root)[1]
    found = json.loads(clinicscope("application", "status", "--root", root, "--json")[1])
    assert (found["program"], found["last"]["outcome"]) == ("0.1.0", "taken back")


def test_version_without_pip_installs_the_next_one_by_the_one_it_brings(tmp_path: Path) -> None:
    venv.create(tmp_path / "new", symlinks=True)
    with pytest.raises(UpdateError, match="has no pip, and the update brings none"):
        pip_for(tmp_path / "new", tmp_path, own=False)
    take_pip(tmp_path / "tools")
    words = [*pip_for(tmp_path / "new", tmp_path, own=False), "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pip ")


def test_full_disk_leaves_the_version_in_use(
    device: Device, key: SecretKey, tmp_path: Path
) -> None:
    update = make_update(tmp_path, key, "0.2.0", 5, [LARGE])
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may mount no small disk")
    try:
        shutil.copytree(device.versions.root, small / "opt", symlinks=True)
        full = Device(Versions(small / "opt"), device.owner, device.trust, device.service)
        left = shutil.disk_usage(small).free
        # No room to unpack; room for that, and none for the environment.
        for wanted, message in ((8, "no room for application"), (38, r"no room for .*0\.2\.0")):
            (small / "filled").write_bytes(bytes(left - wanted * 1024**2))
            with pytest.raises(StorageFullError, match=message):
                apply_update(full, update)
            (small / "filled").unlink()
            assert in_force(full) == "0.1.0"
            assert not full.versions.path_of("0.2.0").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)
