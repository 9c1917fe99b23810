"""`clinicscope train …`."""

from __future__ import annotations

import click

from train.commands.context import context
from train.commands.cost import cost
from train.commands.evaluate import evaluate
from train.commands.explain import explain
from train.commands.features import features
from train.commands.fetch import fetch
from train.commands.finder import finder
from train.commands.fit import fit
from train.commands.folds import folds
from train.commands.held_out import held_out
from train.commands.novelty import novelty
from train.commands.oof import oof
from train.commands.pretrain import pretrain
from train.commands.report import report
from train.commands.score import score
from train.commands.superres import superres
from train.commands.travel import travel
from train.commands.travel_threshold import travel_threshold


@click.group()
def train() -> None:
    """Fit, measure and explain full models (workstation)."""


for command in (
    fetch, folds, fit, evaluate, explain, score, report, oof, context, features, pretrain, travel,
    travel_threshold, cost, finder, held_out, novelty, superres,
):  # fmt: skip
    train.add_command(command)
