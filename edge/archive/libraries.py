"""The libraries of the `archive` extra, imported when an archive is worked on."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edge.contract.errors import ConfigError


def need(name: str) -> Any:
    """A module of the extra.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"an archive of slides needs {name.partition('.')[0]}, which cannot be imported "
            f"({error}); pip install 'clinicscope[archive]'"
        ) from error
