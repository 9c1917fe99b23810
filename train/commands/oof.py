"""`train oof`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument(
    "run_dirs",
    nargs=-1,
    required=True,
    metavar="RUN_DIR...",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz to write.")
@data_option
def oof(run_dirs: tuple[Path, ...], out: Path, data: Path | None) -> None:
    """Join folds into one file of out-of-fold logits: every example once, no patient leaked.

    Each RUN_DIR is a folder of folds, or a fold. Several recipes are averaged.
    """
    from edge.contract.errors import ConfigError
    from train.datasets.base import data_root, list_examples
    from train.oof import join, read_members, write_oof

    members = read_members(run_dirs)
    try:
        root = data_root(data)
    except ConfigError:
        if data is not None:
            raise
        root = None
        click.echo("no data at hand: completeness is checked by patient only", err=True)
    examples = list_examples(members[0].recipe.dataset, root) if root else None
    arrays = join(members, examples)
    write_oof(out, arrays)
    names = ", ".join(member.name for member in members)
    click.echo(f"{len(arrays['file'])} examples, mean of {len(members)} ({names}): {out}")
