"""Unpacking an archive that nobody vouches for: nothing outside the folder, nothing enormous."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from edge.contract.errors import DataError, StorageFullError
from train.fetch.download import check_space

# The largest set here unpacks to about 3 GB of 30,000 files; images shrink little when packed.
MAX_BYTES = 40 << 30
MAX_FILES = 500_000
MAX_RATIO = 50
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db"}


def unpack(archive: Path, folder: Path, strip: int = 0) -> int:
    """Unpacks a zip file into `folder`, which must not be there; whole or not at all.

    Args:
        strip: leading folders of the names that are left out.

    Returns:
        The number of files.

    Raises:
        DataError: no zip file, damaged, encrypted, or it would write outside the folder, through a
            link, or more than is sane; or the folder is there already.
        StorageFullError: the disk is too small.
    """
    if folder.exists():
        raise DataError(f"{folder} is there already; move it away to unpack {archive.name} again")
    partial = folder.with_name(folder.name + ".unpacking")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, archive, strip)
            folder.parent.mkdir(parents=True, exist_ok=True)
            check_space(folder.parent, sum(info.file_size for info, _ in members))
            for info, name in members:
                _extract(opened, info, partial / name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(f"{archive} cannot be unpacked: {error}; delete it, fetch again") from error
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno == errno.ENOSPC:
            raise StorageFullError(f"disk full while unpacking to {folder}; make room") from error
        raise DataError(f"{archive} cannot be unpacked: {error}") from error
    partial.replace(folder)
    return len(members)


def _members(
    opened: zipfile.ZipFile, archive: Path, strip: int
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    infos = opened.infolist()
    total = sum(info.file_size for info in infos)
    packed = archive.stat().st_size
    if len(infos) > MAX_FILES or total > MAX_BYTES or total > MAX_RATIO * packed:
        raise DataError(
            f"{archive} would unpack to {len(infos):,} files of {total / 1e9:.1f} GB from "
            f"{packed / 1e9:.3f} GB: no image archive does; nothing was unpacked"
        )
    for info in infos:
        name = _safe_name(info, archive)
        if info.is_dir() or _JUNK & set(name.parts) or len(name.parts) <= strip:
            continue
        inside = PurePosixPath(*name.parts[strip:])
        if inside in found:
            raise DataError(f"{archive} holds {inside} twice; nothing was unpacked")
        found[inside] = info
    if not found:
        raise DataError(f"{archive} holds no files")
    return [(info, name) for name, info in found.items()]


def _safe_name(info: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    name = PurePosixPath(info.filename)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    bad = name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename
    if bad or kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise DataError(
            f"{archive} holds {info.filename!r}, which would be written outside its folder or is "
            "no plain file; nothing was unpacked"
        )
    return name


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
