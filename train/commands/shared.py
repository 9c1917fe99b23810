"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of data sets; default: CLINICSCOPE_DATA.",
)

corrections_option = click.option(
    "--corrections",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of `clinicscope export corrections`, whose crops are learned from too.",
)
