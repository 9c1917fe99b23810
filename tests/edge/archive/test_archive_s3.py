"""An archive, and its results, in an object store that speaks S3."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from edge.archive.lock import LOCK_FILE, own_output
from edge.archive.places import open_place
from edge.archive.tables import SUMMARY_FILE
from edge.contract.errors import BusyError, StoreError
from tests.support.painted_field import write_second_opinion
from tests.support.painted_slides import bytes_of, painted_jpeg, write_archive

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "drawn",
    "AWS_SECRET_ACCESS_KEY": "drawn",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture()
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name, value in {**SETTINGS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"s3://{tmp_path.name.replace('_', '-')}"
    fsspec.filesystem("s3").mkdir(name)
    return name


def download(url: str, folder: Path) -> Path:
    fsspec.filesystem("s3").get(f"{url}/", f"{folder}/", recursive=True)
    return folder


def test_store_gives_the_tables_that_a_folder_gives(
    clinicscope: Run, bucket: str, tmp_path: Path
) -> None:
    bundle, source = write_second_opinion(tmp_path / "bundle"), write_archive(tmp_path / "slides")
    fsspec.filesystem("s3").put(f"{source}/", f"{bucket}/study/", recursive=True)

    def run(slides: object, out: object) -> Any:
        words = ("--bundle", bundle.path, "--retries", 0, "--json", tmp_path / "report.json")
        code, _, said = clinicscope("archive", "screen", slides, "--out", out, *words)
        return code, json.loads((tmp_path / "report.json").read_text()), said

    assert run(source, tmp_path / "here")[0] == 0
    code, report, _ = run(f"{bucket}/study", f"{bucket}/out")
    assert code == 0 and report["screened"] == 4
    there = download(f"{bucket}/out/tables", tmp_path / "there")
    here = bytes_of(tmp_path / "here" / "tables")
    assert {name: one for name, one in bytes_of(there).items() if name != SUMMARY_FILE} == {
        name: one for name, one in here.items() if name != SUMMARY_FILE
    }
    # It goes on where it ended, and from a store to a folder.
    fsspec.filesystem("s3").pipe_file(f"{bucket}/study/z/f1.jpg", painted_jpeg(2, 1))
    fsspec.filesystem("s3").pipe_file(f"{bucket}/out/tables/cells/part-00007.parquet", b"older")
    code, report, _ = run(f"{bucket}/study/", f"{bucket}/out")
    assert (code, report["screened"], report["skipped"]) == (0, 1, 3)
    assert run(f"{bucket}/study", tmp_path / "mixed")[0] == 0
    shutil.rmtree(there)
    assert bytes_of(download(f"{bucket}/out/tables", there)) == bytes_of(tmp_path / "mixed/tables")


def test_one_run_at_a_time_on_a_url(bucket: str) -> None:
    place = open_place(f"{bucket}/out")
    with own_output(place):
        with pytest.raises(BusyError, match=r"process .* writes to s3://"), own_output(place):
            raise AssertionError("two runs")
        left = json.loads(place.read(LOCK_FILE))
    with own_output(place):
        pass
    # A run that was killed leaves its file, which counts for nothing after a while.
    place.write(LOCK_FILE, json.dumps(left | {"renewed_unix_s": 0}).encode())
    with own_output(place):
        pass
    with pytest.raises(FileNotFoundError):
        place.read(LOCK_FILE)


def test_store_that_is_not_there_is_said(
    clinicscope: Run, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"{bucket}-without"
    code, _, said = clinicscope("archive", "screen", nowhere, "--out", tmp_path / "out")
    assert code == 3 and nowhere in said
    with pytest.raises(StoreError, match="cannot be written"):
        open_place(f"{nowhere}/out").write("file", b"content")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    code, _, said = clinicscope("archive", "screen", bucket, "--out", tmp_path / "out")
    assert code == 3 and "127.0.0.1:9" in said and "cannot be listed" in said


def test_other_stores_rename_a_whole_file(tmp_path: Path) -> None:
    """As sftp does; the drawn one is a folder behind fsspec."""
    place = open_place(f"local://{tmp_path}")
    place.write("deep/one", b"first")
    place.write("deep/one", b"second")
    assert place.read("deep/one") == b"second"
    assert [entry.name for entry in place.entries("deep")] == ["one"]
    with place.create("deep/two") as file:
        file.write(b"large")
    place.remove("deep/one")
    place.remove("deep/one")
    assert [(one.name, one.size_bytes) for one in place.entries("deep")] == [("two", 5)]
