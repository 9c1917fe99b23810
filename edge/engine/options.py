"""--engine, --address and --workers, for commands whose work is many pieces."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from edge.engine.base import ENGINES, LOCAL, EngineSettings


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command gets `engine`, an `EngineSettings`.

    Raises:
        ConfigError: when called, for options that do not fit each other.
    """

    @wraps(command)
    def wrapped(*given: Any, engine: str, address: str, workers: int, **others: Any) -> Any:
        return command(*given, engine=EngineSettings(engine, address, workers), **others)

    for option in (
        click.option(
            "--workers",
            type=click.IntRange(0),
            default=0,
            help="CPUs of Ray to use at once; all where it is not given.",
        ),
        click.option(
            "--address",
            default="",
            metavar="HOST:PORT",
            help="A running Ray of which this machine is a node; else one is started here.",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            default=LOCAL,
            show_default=True,
            help="What does the work: this process, or Ray. The results are the same.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped
