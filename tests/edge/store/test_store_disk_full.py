"""A disk that is really full; run as a script, it is the program that fills it.

The disk is a tmpfs of 2 MB in a mount namespace of the program's own, as root or in a user
namespace. Where a container allows neither, only the limit on a file's size is left, which a write
of an image meets in the same way.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_samples import make_field, make_image, make_report

from edge.contract.errors import StorageFullError
from edge.store.store import Store

NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
TMPFS = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]
LIMIT_BYTES = 400_000


def _fill(store: Store, save: Callable[[Store, str, int], None]) -> tuple[str, int, str]:
    """Saves until the disk is full: the specimen, how many fields were saved, the message."""
    specimen_id = store.start_specimen("S", "upload", {})
    for index in range(2000):
        try:
            save(store, specimen_id, index)
        except StorageFullError as error:
            return specimen_id, index, str(error)
    raise AssertionError("the disk never filled")


def _run(home: Path, save: Callable[[Store, str, int], None], free: Callable[[], None]) -> Any:
    store = Store(home)
    specimen_id, saved, message = _fill(store, save)
    facts: dict[str, Any] = {"saved": saved, "message": message}
    facts["kept"] = [field.index for field in store.fields(specimen_id)]
    facts["problems"] = store.check_integrity(deep=True)
    facts["files"] = len([path for path in (home / "fields").rglob("*") if path.is_file()])
    free()
    save(store, specimen_id, saved)
    store.finish_specimen(specimen_id, make_report("positive"))
    store.close()
    again = Store(home)
    facts["after"] = [field.index for field in again.fields(specimen_id)]
    facts["problems_after"] = again.check_integrity(deep=True)
    facts["status"] = again.specimen(specimen_id).status
    again.close()
    return facts


def _save_image(store: Store, specimen_id: str, index: int) -> None:
    store.save_field(specimen_id, index, make_field(index), make_image(index, 60_000))


def _save_record(store: Store, specimen_id: str, index: int) -> None:
    # The image still fits where its record does not.
    store.save_field(specimen_id, index, make_field(index, infected=200), make_image(index, 100))


def _save_growing(store: Store, specimen_id: str, index: int) -> None:
    store.save_field(specimen_id, index, make_field(index), make_image(index, 150_000 * index + 1))


def _on_tmpfs(home: Path, save: Callable[[Store, str, int], None]) -> Any:
    subprocess.run([*TMPFS, str(home)], check=True)
    ballast = home / "ballast"
    ballast.write_bytes(bytes(600_000))
    return _run(home, save, ballast.unlink)


def _under_limit(home: Path) -> Any:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    return _run(
        home, _save_growing, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    )


def _main(kind: str, home: Path) -> None:
    facts = {
        "image": lambda: _on_tmpfs(home, _save_image),
        "record": lambda: _on_tmpfs(home, _save_record),
        "limit": lambda: _under_limit(home),
    }[kind]()
    json.dump(facts, sys.stdout)


def _namespace(folder: Path) -> list[str] | None:
    """The command that lets a program mount here, None where nothing does."""
    for command in NAMESPACES:
        try:
            tried = subprocess.run(
                [*command, *TMPFS, str(folder)], check=False, capture_output=True
            )
        except FileNotFoundError:
            continue
        if tried.returncode == 0:
            return command
    return None


def _child(command: list[str], kind: str, home: Path, file: str = __file__) -> Any:
    done = subprocess.run(
        [*command, sys.executable, "-W", "error", file, kind, str(home)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["image", "record", "limit"])
def test_full_disk_loses_nothing_and_goes_on_when_there_is_room(tmp_path: Path, kind: str) -> None:
    command = None if kind == "limit" else _namespace(tmp_path)
    facts = _child(command or [], kind if command else "limit", tmp_path)
    saved = facts["saved"]
    assert saved > 1
    assert facts["kept"] == list(range(saved))
    assert facts["problems"] == facts["problems_after"] == []
    assert facts["files"] == saved
    assert facts["after"] == list(range(saved + 1))
    assert facts["status"] == "done"
    assert "no room" in facts["message"] and str(tmp_path) in facts["message"]
    assert "free some space" in facts["message"]


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
