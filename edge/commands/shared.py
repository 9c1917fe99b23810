"""Options and output that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge.accelerators.settings import with_flags
from edge.config import DeviceConfig, data_home, load_config
from edge.enhancement.enhancer import Enhancer
from edge.installed import load_any, load_classifier, load_enhancer, load_screener
from edge.screening.classifier import Classifier
from edge.screening.screener import Screener
from edge.store.files import write_durably

if TYPE_CHECKING:
    from rich.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])

_ACCELERATOR, _DELEGATE = "clinicscope.accelerator", "clinicscope.delegate"


def _remember(key: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    """An option's value goes where `device_config` finds it, not to each command."""

    def callback(context: click.Context, _: click.Parameter, value: str | None) -> None:
        context.meta[key] = value

    return callback


def accelerator_options(command: F) -> F:
    """--accelerator and --delegate, which `device_config` reads."""
    for option in (
        click.option(
            "--delegate",
            metavar="PATH[?KEY=VALUE&...]",
            expose_value=False,
            callback=_remember(_DELEGATE),
            help="Library of an external TFLite delegate, with its options.",
        ),
        click.option(
            "--accelerator",
            metavar="NAME",
            expose_value=False,
            callback=_remember(_ACCELERATOR),
            help="What computes, as `doctor` names it (edgetpu, onnx/cuda, cpu); the processor "
            "where it fails, and the result says so.",
        ),
    ):
        command = option(command)
    return command


def accelerator_flags() -> tuple[str, ...]:
    """--accelerator and --delegate as the command at work got them, for one that it starts."""
    meta = click.get_current_context().meta
    given = (("--accelerator", meta.get(_ACCELERATOR)), ("--delegate", meta.get(_DELEGATE)))
    return tuple(word for name, value in given if value for word in (name, value))


def model_options(command: F) -> F:
    """--bundle, --runtime, --threads, --accelerator and --delegate."""
    command = accelerator_options(command)
    for option in (
        click.option("--threads", type=click.IntRange(1, 64), help="Threads of the network."),
        click.option("--runtime", help="Runtime to use, instead of the first that works."),
        click.option(
            "--bundle",
            type=click.Path(path_type=Path),
            help="Bundle folder or zip, instead of the active one.",
        ),
    ):
        command = option(command)
    return command


def open_screener(bundle: Path | None, runtime: str | None, threads: int | None) -> Screener:
    """The screener that config and flags ask for."""
    return load_screener(data_home(), _config(bundle, runtime, threads))


def open_classifier(bundle: Path | None, runtime: str | None, threads: int | None) -> Classifier:
    """The classifier that config and flags ask for, of any task."""
    return load_classifier(data_home(), _config(bundle, runtime, threads))


def open_any(
    bundle: Path | None, runtime: str | None, threads: int | None
) -> Classifier | Enhancer:
    """The classifier or enhancer that config and flags ask for."""
    return load_any(data_home(), _config(bundle, runtime, threads))


def open_enhancer(bundle: Path | None, runtime: str | None, threads: int | None) -> Enhancer:
    """The enhancer that config and flags ask for."""
    config = _config(None, runtime, threads)
    named = replace(config, enhancer=str(bundle)) if bundle else config
    return load_enhancer(data_home(), named)


def _config(bundle: Path | None, runtime: str | None, threads: int | None) -> DeviceConfig:
    return device_config(
        data_home(),
        bundle=str(bundle) if bundle else None,
        runtimes=(runtime,) if runtime else None,
        threads=threads,
    )


def device_config(home: Path, **flags: object) -> DeviceConfig:
    """The config of the data directory with flags, --accelerator and --delegate among them.

    Raises:
        ConfigError: see `load_config` and `with_flags`.
    """
    config = load_config(home, **flags)
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    wanted = with_flags(config.accelerators, meta.get(_ACCELERATOR), meta.get(_DELEGATE))
    return replace(config, accelerators=wanted)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON whole or not at all; `-` is standard output."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        write_durably(path, text.encode())


def progress_bar() -> Progress:
    """A bar on standard error, with count and time left; silent where that is no terminal."""
    # The appliance shares this module, and shows none.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
