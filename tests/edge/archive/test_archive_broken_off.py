"""Runs over an archive that are broken off: killed, or on a disk that is really full."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.painted_field import write_first_opinion
from tests.support.painted_slides import bytes_of, painted_jpeg

NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
TMPFS = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]
SLIDES = 12


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides, a bundle, and what an undisturbed run makes of them."""
    root = tmp_path_factory.mktemp("world")
    fields = [painted_jpeg(number, number) for number in range(3)]
    for slide in range(SLIDES):
        folder = root / "slides" / f"s{slide:02}"
        folder.mkdir(parents=True)
        for number, data in enumerate(fields):
            (folder / f"f{number}.jpg").write_bytes(data)
    write_first_opinion(root / "bundle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINICSCOPE_HOME", str(root / "home"))
        assert main(words(root, root / "undisturbed")) == 0
    return root


def words(root: Path, out: Path) -> list[str]:
    return ["archive", "screen", str(root / "slides"), "--out", str(out), "--bundle",
            str(root / "bundle"), "--json", str(out.parent / "report.json")]  # fmt: skip


def start(root: Path, out: Path) -> subprocess.Popen[str]:
    code = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words(root, out)], stderr=subprocess.PIPE, text=True
    )


def parts(out: Path) -> list[Path]:
    return [path for path in (out / "parts").rglob("*.parquet") if not path.name.startswith(".")]


def test_killed_run_goes_on_to_the_same_bytes(world: Path, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "out"
    for least in (2, 5):
        process = start(world, out)
        until = time.monotonic() + 60
        while len(parts(out)) < least and time.monotonic() < until:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = parts(out)
    assert 5 <= len(done) < SLIDES and not (out / "tables").exists()
    # What a write that was cut off leaves is no part.
    (done[0].parent / f".{done[0].name}.0a1b2c3d.tmp").write_bytes(b"half")
    assert main(words(world, out)) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["skipped"], report["screened"]) == (len(done), SLIDES - len(done))
    assert bytes_of(out / "tables") == bytes_of(world / "undisturbed" / "tables")
    assert {path.name for path in parts(out)} == {
        path.name for path in parts(world / "undisturbed")
    }


def _fill_and_go_on(disk: Path, world: Path) -> dict[str, Any]:
    """In the child: runs on a full disk, each followed by one on a disk with room."""
    subprocess.run([*TMPFS, str(disk)], check=True)
    out, facts = disk / "out", {}
    for what, left_bytes in (("parts", 170_000), ("tables", 12_000)):
        _fill(disk, left_bytes)
        code, said = _run(world, out)
        facts[what] = {"code": code, "said": said, "done": len(parts(out))}
        facts[what]["tables"] = [path.name for path in out.glob("*tables*")]
        (disk / "ballast").unlink()
        code, _ = _run(world, out)
        facts[what]["same"] = bytes_of(out / "tables") == bytes_of(world / "undisturbed" / "tables")
        report = json.loads((disk / "report.json").read_text())
        facts[what] |= {"code_again": code, "skipped": report["skipped"]}
        # The next one has all parts, and makes the tables anew.
        shutil.rmtree((out / "tables").resolve())
        (out / "tables").unlink()
    return facts


def _fill(disk: Path, left_bytes: int) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(file.tell() - left_bytes, 0))


def _run(world: Path, out: Path) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return main(words(world, out)), said.getvalue()


def _namespace(folder: Path) -> list[str] | None:
    """The command that lets a program mount here, None where nothing does."""
    for command in NAMESPACES:
        tried = subprocess.run([*command, *TMPFS, str(folder)], check=False, capture_output=True)
        if tried.returncode == 0:
            return command
    return None


def test_full_disk_ends_the_run_and_keeps_what_is_done(
    world: Path, tmp_path: Path, home: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = _namespace(disk)
    if command is None:
        pytest.skip("no tmpfs can be mounted here")
    done = subprocess.run(
        [*command, sys.executable, __file__, str(disk), str(world)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    for one in facts.values():
        assert one["code"] == 3 and "no room" in one["said"] and "free some space" in one["said"]
        # No half of a table is left.
        assert one["tables"] == []
        assert one["code_again"] == 0 and one["skipped"] == one["done"]
        assert one["same"]
    assert 1 < facts["parts"]["done"] < SLIDES == facts["tables"]["done"]


if __name__ == "__main__":
    json.dump(_fill_and_go_on(Path(sys.argv[1]), Path(sys.argv[2])), sys.stdout)
