"""`clinicscope train …`."""

from __future__ import annotations

import click

from train.commands.evaluate import evaluate
from train.commands.fit import fit
from train.commands.pretrain import pretrain
from train.commands.score import score


@click.group()
def train() -> None:
    """Fit, measure and explain full models (workstation)."""


for command in (fit, evaluate, score, pretrain):
    train.add_command(command)
