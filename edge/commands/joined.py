"""Commands that packages above this one bring, found by entry point and loaded when used."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

import click

ENTRY_POINTS = "clinicscope.commands"
# Commands that need an extra, and a module which is there only with it.
EXTRAS = {"train": ("train", "tf_keras"), "compress": ("train", "tf_keras")}


def joined_points() -> dict[str, EntryPoint]:
    """The entry points by name, whether or not what they need is installed."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def missing_extra(name: str) -> str:
    """The extra that a command lacks here; empty where it can run."""
    extra, module = EXTRAS.get(name, ("", ""))
    return extra if module and find_spec(module) is None else ""


def load_joined(name: str, shown: str) -> click.Command:
    """The command of an entry point.

    Args:
        shown: what a message calls it.

    Raises:
        click.UsageError: its extra is not installed.
    """
    extra = missing_extra(name)
    if extra:
        raise click.UsageError(
            f"{shown!r} is for the workstation; pip install 'clinicscope[{extra}]'"
        )
    command: click.Command = joined_points()[name].load()
    return command
