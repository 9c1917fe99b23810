"""Which bundle of a task a person chose, and the ones before it, for the way back.

Where nobody chose, the newest version counts; see `edge.installed`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.store.files import write_durably

CHOICES_FILE = "bundle-choices.json"
# The way back is not longer than this.
_MOST_KEPT = 20


@dataclass(frozen=True)
class BundleChoice:
    """One choice. An empty `sha256` is the choice of whichever version is newest.

    Attributes:
        sha256: of the bundle's manifest, which names all its other files.
        by: who chose.
    """

    bundle_id: str = ""
    sha256: str = ""
    by: str = ""
    at_utc: str = ""


@dataclass(frozen=True)
class _Choices:
    """Of each task all choices, oldest first."""

    tasks: dict[str, tuple[BundleChoice, ...]]


def read_choices(home: Path) -> dict[str, tuple[BundleChoice, ...]]:
    """Of each task its choices, oldest first; the last is in force.

    Raises:
        ConfigError: the file is damaged. Which network is meant is then not known.
    """
    path = home / CHOICES_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(from_plain(_Choices, content, CHOICES_FILE).tasks)
    except (ValueError, ManifestError) as error:
        raise ConfigError(
            f"{path} is damaged ({error}); remove it, then choose the bundles again"
        ) from error


def keep_choice(home: Path, task: str, choice: BundleChoice) -> None:
    """Adds a choice, which is then in force. Raises ConfigError, StoreError."""
    choices = read_choices(home)
    earlier = choices.get(task) or (BundleChoice(),)
    _write(home, choices | {task: (*earlier, choice)[-_MOST_KEPT:]})


def pin_choice(home: Path, task: str, choice: BundleChoice) -> None:
    """Names what is in force already, where nobody did: a newer bundle is then not taken by itself.

    Raises ConfigError, StoreError.
    """
    choices = read_choices(home)
    kept = choices.get(task, ())
    if not kept or not kept[-1].sha256:
        _write(home, choices | {task: (*kept[:-1], choice)})


def drop_choice(home: Path, task: str) -> None:
    """Takes the newest choice away, so that the one before it is in force again."""
    choices = read_choices(home)
    _write(home, choices | {task: choices.get(task, ())[:-1]})


def return_to(home: Path, task: str, before: BundleChoice | None) -> None:
    """Takes the newest choice away and names the one before, which is in force from then on.

    Where that one was never named, a newer version that is still there would count otherwise. None
    names nothing.
    """
    choices = read_choices(home)
    kept = list(choices.get(task, ()))
    gone = kept[-1].sha256 if kept else ""
    while kept and kept[-1].sha256 == gone:
        kept.pop()
    if before is not None and not (kept and kept[-1].sha256 == before.sha256):
        kept[-1:] = [before]
    _write(home, choices | {task: tuple(kept)})


def _write(home: Path, choices: dict[str, tuple[BundleChoice, ...]]) -> None:
    content = to_plain(_Choices({task: kept for task, kept in choices.items() if kept}))
    write_durably(home / CHOICES_FILE, (json.dumps(content, indent=1) + "\n").encode())
