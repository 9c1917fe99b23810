"""Files to enhanced PNG files: each gets a result, and one that fails does not end the rest.

Nothing is overwritten but what an earlier run made, and every file says of itself what it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import DataError, ImageError, SourceError, StorageFullError, StoreError
from edge.contract.images import MAX_PIXELS, encode_image, list_images, read_picture
from edge.contract.png_text import add_text, file_says
from edge.enhancement.enhancer import NOT_EVIDENCE, Enhancer
from edge.store.files import write_durably

# Four times as many come out, and that must still be an image that this program reads.
MAX_INPUT_PIXELS = MAX_PIXELS // 4
_KEYWORD = "Comment"


@dataclass(frozen=True)
class Task:
    """A file to enhance, and the one to write; `refused` says why it is not even tried."""

    source: Path
    target: Path
    refused: str = ""


@dataclass(frozen=True)
class EnhancedFile:
    """What became of one file. Where `refused` says why, nothing was written.

    Attributes:
        width_px: of the picture written; None where there is none, as the other two.
        ms: from reading to having it on the disk.
    """

    path: str
    out: str
    width_px: int | None = None
    height_px: int | None = None
    ms: float | None = None
    refused: str = ""


def plan(paths: Sequence[Path], folder: Path) -> list[Task]:
    """What to make of which file, in the order given.

    A file keeps its name, as PNG; those of a folder also their place in it. What an earlier run
    made is left out of a folder. Of two that would get the same name, the second is refused.

    Raises:
        SourceError: a folder holds nothing to enhance.
    """
    tasks: list[Task] = []
    owners: dict[str, Path] = {}
    for source, name in _sources(paths):
        target = folder / name.with_suffix(".png")
        # Names that differ in case alone are one file on many a memory card.
        owner = owners.setdefault(str(target).casefold(), source)
        refused = ""
        if owner is not source:
            refused = f"{target} is made from {owner} already; rename one, or give another --out"
        tasks.append(Task(source, target, refused))
    return tasks


def _sources(paths: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Each file, and its name below the output folder."""
    for path in paths:
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        found = [file for file in list_images(path) if not _is_enhanced(file)]
        if not found:
            raise SourceError(f"folder {path} holds no PNG, JPEG, WebP or BMP image to enhance")
        for file in found:
            yield file, file.relative_to(path)


def _is_enhanced(path: Path) -> bool:
    try:
        return file_says(path, _KEYWORD, NOT_EVIDENCE)
    except OSError:
        return False  # Whoever reads it next says why it cannot be read.


def enhance_files(tasks: Sequence[Task], enhancer: Enhancer) -> Iterator[EnhancedFile]:
    """A result for each task, in order.

    Raises:
        StorageFullError: no room; what was written before is whole.
    """
    sources = {_identity(task.source): task.source for task in tasks}
    for task in tasks:
        started = time.perf_counter()
        try:
            height_px, width_px = _enhance_file(task, sources, enhancer)
        except StorageFullError:
            raise
        except (DataError, StoreError) as error:
            yield EnhancedFile(str(task.source), str(task.target), refused=str(error))
        else:
            ms = round((time.perf_counter() - started) * 1000, 3)
            yield EnhancedFile(str(task.source), str(task.target), width_px, height_px, ms)


def _enhance_file(
    task: Task, sources: dict[tuple[int, int] | None, Path], enhancer: Enhancer
) -> tuple[int, int]:
    """Height and width of what was written."""
    if task.refused:
        raise ImageError(task.refused)
    if _is_enhanced(task.source):
        raise ImageError("image is enhanced already; give the original")
    _check_target(task.target, sources)
    large = enhancer.enhance(read_picture(task.source, max_pixels=MAX_INPUT_PIXELS))
    made_by = f"{NOT_EVIDENCE}; made by bundle {enhancer.ran_on.bundle_id}, sha256 "
    png = add_text(encode_image(large), _KEYWORD, made_by + enhancer.ran_on.bundle_sha256)
    write_durably(task.target, png)
    return large.shape[0], large.shape[1]


def _check_target(target: Path, sources: dict[tuple[int, int] | None, Path]) -> None:
    """Raises StoreError where writing would destroy what was there."""
    identity = _identity(target)
    if identity is None:
        return
    if identity in sources:
        raise StoreError(f"{target} is the input {sources[identity]} itself; give another --out")
    if not _is_enhanced(target):
        raise StoreError(
            f"{target} exists and was not made by enhancing; give another --out, or move it away"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a name leads to, None for none; two names may lead to one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
