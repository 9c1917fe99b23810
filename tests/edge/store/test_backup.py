"""A backup of a small clinic, made, damaged in every way, and restored on an empty device."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
import pytest
from clinic_samples import Clock, make_store, screen
from store_samples import make_field, make_image

import edge.backup.make as making
from edge.backup import written
from edge.backup.archive import SUMS, DamagedBackupError, Sums, content_of, write_archive
from edge.backup.contents import Contents
from edge.backup.freshness import check_backup
from edge.backup.make import BackupReport, make_backup
from edge.backup.manifest import MANIFEST
from edge.backup.restore import STAGING, restore_backup
from edge.contract.errors import BusyError, ConfigError, ConflictError, StorageFullError, StoreError
from edge.health import OK, WARNING
from edge.screening.lock import own_device
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.results import Results
from edge.store.review import Reviews
from edge.store.store import Store

SETTINGS = {
    "config.toml": "threads = 2\n",
    "site.toml": "# none\n",
    "protocols/own.toml": "# own\n",
    "bundles/mine/manifest.json": "{}",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three specimens, one reviewed, signed and queued; settings of a site."""
    home = tmp_path / "device"
    with closing(make_store(home)) as made:
        for number in range(3):
            specimen_id = screen(made, label=f"S-{number}")
        (cell, *_) = made.suspect_cells(specimen_id)
        Reviews(made).review_cell(cell.cell_id, "ring", "Ann")
        Results(made).sign(specimen_id, "Ann")
        Outbox(made).add("hub", "fhir", specimen_id, 2, b"{}")
        for name, text in SETTINGS.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        yield made


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    return folder


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    """A public key, and the file of its secret one as age-keygen writes it."""
    return make_key(tmp_path / "key.txt")


def make_key(path: Path) -> tuple[str, Path]:
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# created: today\n# public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public()), path


def rows(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(home / "records.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=_order)
            for (name,) in names.fetchall()
        }


def _order(row: tuple[Any, ...]) -> tuple[int, str]:
    return row[0] if isinstance(row[0], int) else 0, repr(row)


def files(home: Path) -> dict[str, bytes]:
    """Every file but the database's and the locks."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name.split(".")[0] not in ("records", "service", "backup")
    }


def check_same(before: dict[str, list[tuple[Any, ...]]], home: Path) -> None:
    """All rows are there, and one line more that tells of the restore."""
    after = rows(home)
    assert set(after) == set(before)
    for name in set(before) - {"audit", "sqlite_sequence"}:
        assert after[name] == before[name], name
    assert after["audit"][:-1] == before["audit"]
    assert after["audit"][-1][3] == "backup.restored"


def leftovers(*folders: Path) -> list[Path]:
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.name.endswith(".tmp") or STAGING in path.parts
    ]


def plain_backup(store: Store, drive: Path) -> BackupReport:
    return make_backup(store, drive, plain=True)


def test_restored_device_has_every_row_and_every_byte(
    store: Store, drive: Path, key: tuple[str, Path], tmp_path: Path
) -> None:
    before, images = rows(store.home), files(store.home)
    report = make_backup(store, drive, [key[0]], by="Ann")
    assert (report.specimens, report.fields, report.images, report.lost) == (3, 6, 6, ())
    assert report.path.name.endswith(".tar.age") and report.path.stat().st_mode & 0o77 == 0
    assert hashlib.sha256(report.path.read_bytes()).hexdigest() == report.sha256
    assert b"records.db" not in report.path.read_bytes()

    new = tmp_path / "new"
    restored = restore_backup(report.path, new, key[1], by="Bob")
    assert restored.problems == restored.lost == ()
    check_same(before, new)
    assert files(new) == images
    with closing(Store(new)) as again:
        assert again.check_integrity(deep=True) == []
        number, _, sha256 = report.audit_head.partition(":")
        assert Audit(again).verify((int(number), sha256)) == []
        assert Audit(again).entries(1)[0].by == "Bob"
    assert Audit(store).entries(1)[0].action == "backup.made"
    assert leftovers(store.home, drive, new) == []


def test_unencrypted_backup_is_an_ordinary_tar(store: Store, drive: Path) -> None:
    report = plain_backup(store, drive)
    with tarfile.open(report.path) as archive:
        names = archive.getnames()
        content = {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    assert names[0] == MANIFEST and names[-1] == SUMS
    told = dict(reversed(line.split("  ")) for line in content[SUMS].decode().splitlines())
    assert told == {name: hashlib.sha256(content[name]).hexdigest() for name in names[:-1]}


def test_encryption_must_be_asked_for_or_declined(store: Store, drive: Path) -> None:
    with pytest.raises(ConfigError, match="give one of both"):
        make_backup(store, drive)
    with pytest.raises(ConfigError, match="give one of both"):
        make_backup(store, drive, ["age1"], plain=True)
    with pytest.raises(ConfigError, match="no public key"):
        make_backup(store, drive, ["age1nonsense"])
    assert list(drive.iterdir()) == []


def test_backup_goes_to_another_place_than_the_records(store: Store, drive: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the data directory"):
        make_backup(store, store.home / "mine.tar", plain=True)
    with pytest.raises(ConfigError, match="plugged in"):
        make_backup(store, drive / "gone" / "mine.tar", plain=True)


def test_a_second_backup_at_once_is_refused(store: Store, drive: Path) -> None:
    with making._alone(store), pytest.raises(BusyError, match="another backup"):
        plain_backup(store, drive)


def test_backup_of_a_file_replaces_the_older_one(store: Store, drive: Path) -> None:
    first = make_backup(store, drive / "last.tar", plain=True)
    screen(store, label="S-9")
    second = make_backup(store, drive / "last.tar", plain=True)
    assert first.path == second.path and second.specimens == 4
    assert [path.name for path in drive.iterdir()] == ["last.tar"]


def test_what_the_disk_had_lost_is_told_and_the_rest_is_backed_up(
    store: Store, drive: Path, tmp_path: Path
) -> None:
    first, second, *_ = sorted((store.home / "fields").glob("*/*"))
    first.unlink()
    second.write_bytes(b"other")
    report = plain_backup(store, drive)
    assert [line.partition(": ")[2] for line in report.lost] == [
        "No such file or directory",
        "damaged",
    ]
    assert check_backup(store).state == WARNING
    restored = restore_backup(report.path, tmp_path / "new")
    assert restored.lost == report.lost
    with closing(Store(tmp_path / "new")) as again:
        assert len(again.check_integrity(deep=True)) == 2


def test_image_replaced_meanwhile_is_no_loss(
    store: Store, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_field(0), make_image(0, 2000))
    real = making.write_and_read_back
    calls = []

    def replace_first(contents: Contents, temp: Path, keys: list[Any], *_: Any) -> str:
        if not calls:
            store.save_field(specimen_id, 0, make_field(0), make_image(1, 2000))
        calls.append(temp)
        return real(contents, temp, keys)

    monkeypatch.setattr(making, "write_and_read_back", replace_first)
    report = plain_backup(store, drive)
    assert (len(calls), report.lost) == (2, ())
    assert leftovers(store.home, drive) == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_cut_off_backup_is_refused_wherever_it_ends(
    store: Store, drive: Path, key: tuple[str, Path], tmp_path: Path, encrypted: bool
) -> None:
    report = make_backup(store, drive, [key[0]] if encrypted else (), plain=not encrypted)
    data, cut = report.path.read_bytes(), tmp_path / "cut"
    ends = [0, 10, 100, 600, len(data) // 2, len(data) - 65_600, len(data) - 3000, len(data) - 1025]
    for end in ends:
        cut.write_bytes(data[:end])
        with pytest.raises(DamagedBackupError):
            restore_backup(cut, tmp_path / "new", key[1])
        assert not (tmp_path / "new" / "records.db").exists()
        assert leftovers(tmp_path / "new") == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_altered_backup_is_refused_wherever_it_was(
    store: Store, drive: Path, key: tuple[str, Path], tmp_path: Path, encrypted: bool
) -> None:
    report = make_backup(store, drive, [key[0]] if encrypted else (), plain=not encrypted)
    data, altered = report.path.read_bytes(), tmp_path / "altered"
    for place in range(700, len(data) - 2000, len(data) // 40):
        changed = bytearray(data)
        changed[place] ^= 1
        altered.write_bytes(changed)
        if not encrypted and is_padding(report.path, place):
            continue
        with pytest.raises((DamagedBackupError, ConfigError)):
            restore_backup(altered, tmp_path / "new", key[1])
        assert not (tmp_path / "new" / "records.db").exists()


def is_padding(path: Path, place: int) -> bool:
    """Between members nothing is kept, so nothing is proved."""
    with tarfile.open(path) as archive:
        return not any(
            member.offset <= place < member.offset_data + member.size
            for member in archive.getmembers()
        )


def test_wrong_and_missing_keys_are_told_apart(
    store: Store, drive: Path, key: tuple[str, Path], tmp_path: Path
) -> None:
    report = make_backup(store, drive, [key[0]])
    new = tmp_path / "new"
    _, other = make_key(tmp_path / "other.txt")
    with pytest.raises(ConfigError, match="another recipient"):
        restore_backup(report.path, new, other)
    with pytest.raises(ConfigError, match="--identity"):
        restore_backup(report.path, new)
    other.write_text("# nothing\n")
    with pytest.raises(ConfigError, match="no secret key"):
        restore_backup(report.path, new, other)
    other.write_text("AGE-SECRET-KEY-1NONSENSE\n")
    with pytest.raises(ConfigError, match="damaged") as met:
        restore_backup(report.path, new, other)
    assert "NONSENSE" not in str(met.value)
    other.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        restore_backup(report.path, new, other)
    restore_backup(report.path, new, key[1])


def repacked(path: Path, target: Path, changes: dict[str, bytes], first: str = MANIFEST) -> Path:
    """A backup with other members, and a list of sums that is right for them."""
    with tarfile.open(path) as archive:
        content = {
            name: archive.extractfile(name).read()  # type: ignore[union-attr]
            for name in archive.getnames()
            if name != SUMS
        }
    content |= changes
    names = sorted(content, key=lambda name: name != first)
    with closing(Sums()) as sums:
        chunks = write_archive((content_of(name, content[name]) for name in names), sums)
        target.write_bytes(b"".join(chunks))
    return target


def test_backup_of_a_newer_version_is_refused(store: Store, drive: Path, tmp_path: Path) -> None:
    report = plain_backup(store, drive)
    with tarfile.open(report.path) as archive:
        manifest = json.loads(archive.extractfile(MANIFEST).read())  # type: ignore[union-attr]
        database = tmp_path / "newer.db"
        database.write_bytes(archive.extractfile("records.db").read())  # type: ignore[union-attr]
    newer = json.dumps(manifest | {"format": 2, "program": "9.0", "more": 1}).encode()
    file = repacked(report.path, tmp_path / "newer.tar", {MANIFEST: newer})
    with pytest.raises(DamagedBackupError, match=r"newer ClinicScope \(9.0\)"):
        restore_backup(file, tmp_path / "new")

    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    file = repacked(report.path, file, {"records.db": database.read_bytes()})
    with pytest.raises(StoreError, match="newer version made it"):
        restore_backup(file, tmp_path / "new")
    assert not (tmp_path / "new" / "records.db").exists()


def test_what_is_no_backup_is_refused(store: Store, drive: Path, tmp_path: Path) -> None:
    report, file = plain_backup(store, drive), tmp_path / "file.tar"
    new = tmp_path / "new"
    repacked(report.path, file, {}, first="records.db")
    with pytest.raises(DamagedBackupError, match="begins with"):
        restore_backup(file, new)
    repacked(report.path, file, {MANIFEST: b"[]"})
    with pytest.raises(DamagedBackupError, match="damaged"):
        restore_backup(file, new)
    for name, kind in (("../out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), (".x", b"0")):
        with tarfile.open(file, "w") as archive:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO())
        with pytest.raises(DamagedBackupError, match="which none does"):
            restore_backup(file, new)
    file.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(DamagedBackupError, match="no backup"):
        restore_backup(file, new)
    with closing(Sums()) as sums:
        twice = [content_of(MANIFEST, b"{}"), content_of("a", b"1"), content_of("a", b"2")]
        file.write_bytes(b"".join(write_archive(twice, sums)))
    with pytest.raises(DamagedBackupError):
        restore_backup(file, new)
    with tarfile.open(report.path) as archive:
        manifest = archive.extractfile(MANIFEST).read()  # type: ignore[union-attr]
    with closing(Sums()) as sums:
        twice[0] = content_of(MANIFEST, manifest)
        file.write_bytes(b"".join(write_archive(twice, sums)))
    with pytest.raises(DamagedBackupError, match="twice"):
        restore_backup(file, new)
    with closing(Sums()) as sums:
        file.write_bytes(b"".join(write_archive(twice[:2], sums)))
    with pytest.raises(DamagedBackupError, match="records are missing"):
        restore_backup(file, new)
    file.write_bytes(report.path.read_bytes() + b"more")
    with pytest.raises(DamagedBackupError, match="follows its end"):
        restore_backup(file, new)
    assert not (new / "records.db").exists()


def test_device_with_records_is_left_as_it_is(store: Store, drive: Path, tmp_path: Path) -> None:
    report = plain_backup(store, drive)
    before = rows(store.home)
    with pytest.raises(ConflictError, match="holds records already"):
        restore_backup(report.path, store.home)
    assert rows(store.home) == before
    with own_device(tmp_path / "new"), pytest.raises(BusyError):
        restore_backup(report.path, tmp_path / "new")


def test_device_that_was_only_started_takes_a_backup(
    store: Store, drive: Path, tmp_path: Path
) -> None:
    report, new = plain_backup(store, drive), tmp_path / "new"
    before = rows(store.home)
    before["audit"].pop()
    Store(new).close()
    (new / "config.toml").write_text("threads = 1\n")
    (new / "fields" / "x").mkdir()
    restore_backup(report.path, new)
    check_same(before, new)
    assert (new / "config.toml").read_text() == SETTINGS["config.toml"]
    (aside,) = new.glob("before-restore-*")
    assert (aside / "config.toml").read_text() == "threads = 1\n"
    assert (aside / "fields" / "x").is_dir()


def test_a_power_cut_while_restoring_leaves_no_records_and_it_is_begun_again(
    store: Store, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, new = plain_backup(store, drive), tmp_path / "new"
    real, moved = Path.replace, []

    def cut(self: Path, target: Path) -> Path:
        if self.name == "records.db":
            raise KeyboardInterrupt
        moved.append(self)
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            restore_backup(report.path, new)
    assert moved and not (new / "records.db").exists()
    restore_backup(report.path, new)
    with closing(Store(new)) as again:
        assert again.check_integrity(deep=True) == []


def test_no_room_to_restore_is_said_before_anything(
    store: Store, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = plain_backup(store, drive)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageFullError, match="1,000 bytes are free"):
        restore_backup(report.path, tmp_path / "new")


def test_disk_that_keeps_other_bytes_is_noticed(
    store: Store, drive: Path, key: tuple[str, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    """A drive that lies: what is read is not what was written."""
    real = written._ReadBack.read

    def flipped(self: Any, size: int = -1) -> bytes:
        data = bytearray(real(self, size))
        if len(data) > 300:
            data[300] ^= 1
        return bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr(written._ReadBack, "read", flipped)
        for recipients in ((), (key[0],)):
            with pytest.raises(StoreError, match="the drive fails"):
                make_backup(store, drive, recipients, plain=not recipients)
    assert list(drive.iterdir()) == []

    report = plain_backup(store, drive)
    monkeypatch.setattr("edge.backup.restore._prove", lambda *_: _fail())
    with pytest.raises(StoreError, match="not sound"):
        restore_backup(report.path, tmp_path / "new")
    assert not (tmp_path / "new" / "records.db").exists()


def _fail() -> None:
    raise StoreError("what was restored is not sound")


def test_damaged_database_is_not_backed_up_as_if_it_were_whole(tmp_path: Path, drive: Path) -> None:
    home = tmp_path / "device"
    with closing(make_store(home)) as made:
        for number in range(20):
            screen(made, label=f"S-{number}", fields=1)
    data = bytearray((home / "records.db").read_bytes())
    data[20_000:24_000] = bytes(4000)
    (home / "records.db").write_bytes(data)
    with closing(Store(home)) as broken, pytest.raises(StoreError, match="damaged"):
        plain_backup(broken, drive)
    assert list(drive.iterdir()) == []


def test_age_of_the_last_backup_is_checked(tmp_path: Path, drive: Path) -> None:
    clock = Clock()
    with closing(Store(tmp_path / "device", now=clock)) as made:
        assert check_backup(made).detail == "nothing is recorded yet"
        with closing(make_store(tmp_path / "device", clock)):
            screen(made)
        assert (check_backup(made).state, check_backup(made).detail) == (
            WARNING,
            "these records were never backed up",
        )
        plain_backup(made, drive)
        assert check_backup(made).state == OK
        clock.set("2026-12-21T10:00:00+00:00")
        assert check_backup(made).state == OK, "nothing came since"
        screen(made)
        check = check_backup(made)
        assert (
            check.state == WARNING
            and "29 days ago" in check.detail
            and "clinicscope" in check.advice
        )


def test_memory_does_not_grow_with_the_records(
    tmp_path: Path, drive: Path, key: tuple[str, Path]
) -> None:
    """40 MB of images pass through; what the library itself holds is not counted by Python."""
    with closing(make_store(tmp_path / "device")) as made:
        specimen_id = made.start_specimen("S", "upload", {})
        for index in range(40):
            made.save_field(specimen_id, index, make_field(index), make_image(index, 1_000_000))
        tracemalloc.start()
        report = make_backup(made, drive, [key[0]])
        restore_backup(report.path, tmp_path / "new", key[1])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert report.size_bytes > 40_000_000
    assert peak < 15_000_000


def test_commands_back_up_and_restore(
    clinicscope: Callable[..., tuple[int, str, str]],
    home: Path,
    drive: Path,
    key: tuple[str, Path],
    tmp_path: Path,
) -> None:
    assert clinicscope("backup", "--to", drive, "--unencrypted")[0] == 3, "there are no records"
    with closing(make_store(home)) as made:
        screen(made)
    assert clinicscope("backup", "--to", drive)[0] == 2
    assert clinicscope("backup", "--to", drive, "--unencrypted", "--recipient", key[0])[0] == 2
    code, out, err = clinicscope("backup", "--to", drive, "--recipient", key[0], "--by", "Ann")
    assert code == 0 and "1 specimens, 2 images" in out and "written down" in out
    assert "on the disk of the records" in err
    (file,) = drive.iterdir()
    new = tmp_path / "new"
    code, out, _ = clinicscope("restore", file, "--identity", key[1], "--to", new, "--json")
    assert (code, json.loads(out)["manifest"]["specimens"]) == (0, 1)
    assert clinicscope("restore", file, "--identity", key[1])[0] == 3, "the device has records"

    for path in home.glob("fields/*/*"):
        path.unlink()
    code, _, err = clinicscope("backup", "--to", drive / "lost.tar", "--unencrypted")
    assert code == 3 and "the disk had lost it" in err
    code, out, _ = clinicscope("backup", "--to", drive / "lost.tar", "--unencrypted", "--json")
    assert code == 3 and len(json.loads(out)["lost"]) == 2
    code, out, err = clinicscope("restore", drive / "lost.tar", "--to", tmp_path / "again")
    assert code == 0 and "head of the log" in out and "was lost before" in err


def test_broken_log_is_restored_as_it_is_and_told(
    store: Store, drive: Path, tmp_path: Path, clinicscope: Callable[..., tuple[int, str, str]]
) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
    report = plain_backup(store, drive)
    code, _, err = clinicscope("restore", report.path, "--to", tmp_path / "new")
    assert code == 3 and "update rows of audit" in err


def test_config_says_where_and_for_whom(
    clinicscope: Callable[..., tuple[int, str, str]], home: Path, drive: Path, key: tuple[str, Path]
) -> None:
    with closing(make_store(home)) as made:
        screen(made)
    assert clinicscope("backup", "--unencrypted")[0] == 2, "nobody said where"
    (home / "config.toml").write_text(
        f'[backup]\nto = "{drive.as_posix()}"\nrecipients = ["{key[0]}"]\n'
    )
    code, out, _ = clinicscope("backup", "--json")
    assert code == 0 and json.loads(out)["encrypted"] is True
    code, out, _ = clinicscope("backup", "--unencrypted", "--json")
    assert code == 0 and json.loads(out)["encrypted"] is False
    for text in ('to = "stick"', 'recipients = ["AGE-SECRET-KEY-1X"]'):
        (home / "config.toml").write_text(f"[backup]\n{text}\n")
        code, _, err = clinicscope("backup")
        assert code == 3 and "backup." in err and "SECRET" not in err
