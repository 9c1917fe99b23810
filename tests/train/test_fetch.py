"""Fetching over real sockets: resumed, checked, refused; and archives that mean harm."""

from __future__ import annotations

import io
import json
import socket
import stat
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError, DataError, StorageFullError
from tests.support.archive_server import ArchiveServer, serve
from tests.support.dataset_layouts import write_bbbc041, write_kermany, write_mp_idb
from train.cli import train
from train.datasets.base import DATASETS, list_examples, module_of
from train.fetch.catalogue import CATALOGUE, archive_of
from train.fetch.download import ATTEMPTS, check_space, download
from train.fetch.unpack import unpack

Run = Callable[..., tuple[int, str, str]]
BYTES = np.random.default_rng(3).bytes(300_000)
HASH = sha256(BYTES).hexdigest()


@pytest.fixture()
def server() -> Iterator[ArchiveServer]:
    with serve(BYTES) as running:
        yield running


def zip_of(folder: Path, top: str = "") -> bytes:
    """The folder's files as a zip; `top` leads their names, as in a repository's archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, f"{top}{path.relative_to(folder)}")
        opened.writestr("__MACOSX/._junk", b"junk")
    return buffer.getvalue()


def write_zip(path: Path, entries: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(info, content)
    return path


def test_download_is_whole_and_reports_progress(server: ArchiveServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "new/a.zip"
    found = download(
        server.address, target, sha256=HASH, on_progress=lambda done, all: seen.append((done, all))
    )
    assert found == HASH
    assert target.read_bytes() == BYTES
    assert seen[0] == (0, len(BYTES))
    assert seen[-1] == (len(BYTES), len(BYTES))
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]


def test_cut_connection_is_resumed_where_it_stopped(server: ArchiveServer, tmp_path: Path) -> None:
    server.cut_after = [100_000, 50_000]
    waited: list[float] = []
    download(server.address, tmp_path / "a.zip", sha256=HASH, wait=waited.append)
    assert server.asked == ["", "bytes=100000-", "bytes=150000-"]
    assert waited == [1.0, 2.0]
    assert (tmp_path / "a.zip").read_bytes() == BYTES


def test_later_call_goes_on_from_what_an_earlier_one_left(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.cut_after = [10_000] * ATTEMPTS
    with pytest.raises(DataError, match=r"in 6 attempts: the connection ended after .* a.zip.part"):
        download(server.address, tmp_path / "a.zip", wait=lambda _s: None)
    assert not (tmp_path / "a.zip").exists()
    assert (tmp_path / "a.zip.part").stat().st_size == 60_000
    server.asked.clear()
    assert download(server.address, tmp_path / "a.zip") == HASH
    assert server.asked == ["bytes=60000-"]


def test_server_without_ranges_starts_anew(server: ArchiveServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cut_after = [100_000]
    assert download(server.address, tmp_path / "a.zip", wait=lambda _s: None) == HASH


def test_file_that_changed_meanwhile_starts_anew(server: ArchiveServer, tmp_path: Path) -> None:
    server.content, server.cut_after = BYTES[::-1], [1_000] * ATTEMPTS
    with pytest.raises(DataError, match="the connection ended"):
        download(server.address, tmp_path / "a.zip", wait=lambda _s: None)
    server.content, server.etag = BYTES, '"two"'
    assert download(server.address, tmp_path / "a.zip", sha256=HASH) == HASH


def test_whole_partial_file_is_taken_and_a_longer_one_is_not(
    server: ArchiveServer, tmp_path: Path
) -> None:
    (tmp_path / "a.zip.part").write_bytes(BYTES)
    assert download(server.address, tmp_path / "a.zip") == HASH
    (tmp_path / "b.zip.part").write_bytes(BYTES + b"more")
    assert download(server.address, tmp_path / "b.zip", wait=lambda _s: None) == HASH


def test_busy_server_is_asked_again(server: ArchiveServer, tmp_path: Path) -> None:
    server.busy = 2
    waited: list[float] = []
    assert download(server.address, tmp_path / "a.zip", wait=waited.append) == HASH
    assert waited == [1.0, 2.0]


def test_wrong_hash_is_refused_and_deleted(server: ArchiveServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"sha256 {HASH}, expected {'0' * 64}; it was deleted"):
        download(server.address, tmp_path / "a.zip", sha256="0" * 64)
    assert not list(tmp_path.glob("a.zip"))
    assert not list(tmp_path.glob("a.zip.part"))


def test_missing_archive_is_not_asked_for_again(server: ArchiveServer, tmp_path: Path) -> None:
    address = server.address.replace("archive.zip", "missing")
    with pytest.raises(DataError, match="answers 404 Not Found; the archive may have moved"):
        download(address, tmp_path / "a.zip")
    assert len(server.asked) == 1


def test_no_network_says_so_after_all_attempts(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    waited: list[float] = []
    with pytest.raises(DataError, match="check the network"):
        download(f"http://127.0.0.1:{port}/a.zip", tmp_path / "a.zip", wait=waited.append)
    assert waited == [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/a.zip", "a.zip"])
def test_only_web_addresses_are_fetched(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only web addresses"):
        download(address, tmp_path / "a.zip")


def test_disk_that_is_too_small_is_told_before_anything_arrives(
    server: ArchiveServer, tmp_path: Path
) -> None:
    with pytest.raises(StorageFullError, match=r"GB free, 900000.* GB are needed"):
        download(server.address, tmp_path / "a.zip", size_bytes=900_000 * 10**9)
    assert server.asked == []
    check_space(tmp_path, 0)


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:/evil.txt"]
)
def test_zip_that_reaches_outside_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"good.txt": b"x", name: b"evil"})
    with pytest.raises(DataError, match="written outside its folder"):
        unpack(archive, tmp_path / "in/out")
    assert not (tmp_path / "in").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="no plain file"):
        unpack(archive, tmp_path / "out")


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"big.bin": bytes(30_000_000)})
    with pytest.raises(DataError, match=r"would unpack to 1 files of 0\.0 GB from"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_zip_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {f"{n}.bin": BYTES[: 1000 + n] for n in range(20)})
    content = bytearray(archive.read_bytes())
    content[5_000:5_100] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")
    archive.write_bytes(content[:8_000])
    with pytest.raises(DataError, match="cannot be unpacked: File is not a zip file"):
        unpack(archive, tmp_path / "out")
    archive.write_bytes(b"<html>sign in</html>")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_empty_zip_and_name_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no files"):
        unpack(write_zip(tmp_path / "a.zip", {"top/": b""}), tmp_path / "out")
    archive = write_zip(tmp_path / "b.zip", {"one/a.png": b"1", "two/a.png": b"2"})
    with pytest.raises(DataError, match=r"a.png twice"):
        unpack(archive, tmp_path / "out", strip=1)


@pytest.mark.parametrize(
    ("name", "write", "packed", "top"),
    [
        ("bbbc041", write_bbbc041, "bbbc041", ""),
        ("mp-idb", write_mp_idb, "mp-idb", "MP-IDB-HEAD/"),
    ],
)
def test_fetched_set_is_read_and_its_hash_recorded(
    name: str,
    write: Callable[[Path], Path],
    packed: str,
    top: str,
    tmp_path: Path,
    clinicscope: Run,
) -> None:
    content = zip_of(write(tmp_path / "origin") / packed, top)
    root = tmp_path / "data"
    with serve(content) as server:
        server.cut_after = [len(content) // 2]
        code, out, err = clinicscope(
            "train", "fetch", name, "--accept-licence", "--address", server.address, "--data", root
        )
        assert code == 0, err
        assert archive_of(name).licence in out
        assert archive_of(name).citation in out
        assert "this first download was not checked" in out
        assert json.loads((root / "fetch.lock.json").read_text()) == {
            name: sha256(content).hexdigest()
        }
        assert len(list_examples(name, root)) == len(list_examples(name, tmp_path / "origin"))
        assert not list((root / ".fetch").iterdir())

        (root / archive_of(name).folder).rename(root / "old")
        server.content, server.etag = content + b"\0", '"two"'
        code, _, err = clinicscope(
            "train", "fetch", name, "--accept-licence", "--address", server.address, "--data", root
        )
        assert code == 3
        assert f"expected {sha256(content).hexdigest()}" in err


def test_mirror_of_a_set_whose_hash_is_known_must_agree(tmp_path: Path, clinicscope: Run) -> None:
    with serve(zip_of(write_kermany(tmp_path / "origin"))) as server:
        code, _, err = clinicscope(
            "train", "fetch", "kermany", "--accept-licence", "--address", server.address,
            "--data", tmp_path / "data",
        )  # fmt: skip
    assert code == 3
    assert f"expected {CATALOGUE['kermany'].sha256}" in err
    assert not (tmp_path / "data/chest_xray").exists()


def test_refused_licence_downloads_nothing(server: ArchiveServer, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        train, ["fetch", "mp-idb", "--address", server.address, "--data", str(tmp_path / "data")],
        input="n\n",
    )  # fmt: skip
    assert isinstance(result.exception, ConfigError)
    assert "was not accepted; nothing was downloaded" in str(result.exception)
    assert "Licence: MIT" in result.output
    assert server.asked == []
    assert not (tmp_path / "data").exists()


def test_set_that_is_there_is_not_fetched_again(tmp_path: Path, clinicscope: Run) -> None:
    write_mp_idb(tmp_path)
    code, _, err = clinicscope("train", "fetch", "mp-idb", "--accept-licence", "--data", tmp_path)
    assert code == 3
    assert "is there already; move it away" in err


def test_catalogue_is_listed_and_unknown_names_are_refused(clinicscope: Run) -> None:
    code, out, _ = clinicscope("train", "fetch")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(CATALOGUE)
    code, _, err = clinicscope("train", "fetch", "moon", "--data", ".")
    assert code == 3
    assert "no data set 'moon' to fetch; known: nih-cells, kermany" in err


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_is_complete(name: str) -> None:
    archive = CATALOGUE[name]
    assert archive.address.startswith("https://")
    assert archive.licence
    assert archive.citation
    assert len(archive.sha256) in (0, 64)
    if archive.dataset:
        assert archive.dataset in DATASETS
        reads = Path(module_of(archive.dataset).FOLDER)
        assert Path(archive.folder) in (reads, *reads.parents)


def test_damaged_lock_file_is_named(tmp_path: Path, clinicscope: Run) -> None:
    (tmp_path / "fetch.lock.json").write_text("{")
    code, _, err = clinicscope("train", "fetch", "bbbc041", "--accept-licence", "--data", tmp_path)
    assert code == 3
    assert "fetch.lock.json is not JSON" in err
