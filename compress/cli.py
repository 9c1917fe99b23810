"""`clinicscope compress …`."""

from __future__ import annotations

import click

from compress.commands.edgetpu import edgetpu
from compress.commands.evaluate import evaluate
from compress.commands.fields import bench_fields
from compress.commands.finder import finder
from compress.commands.fold_finders import fold_finders
from compress.commands.fold_models import fold_models
from compress.commands.novelty import novelty
from compress.commands.pack import pack
from compress.commands.predict import bench_predict
from compress.commands.refusal import refusal
from compress.commands.report import report
from compress.commands.run import run
from compress.commands.search import search
from compress.commands.superres import superres


@click.group()
def compress() -> None:
    """From fitted networks to the smallest bundle that keeps their accuracy (workstation)."""


for command in (
    run,
    pack,
    evaluate,
    search,
    novelty,
    superres,
    refusal,
    report,
    fold_models,
    finder,
    fold_finders,
    bench_fields,
    bench_predict,
    edgetpu,
):
    compress.add_command(command)
