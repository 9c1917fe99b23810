"""`bench start`: how long the appliance takes to be there, and what memory it holds."""

from __future__ import annotations

from pathlib import Path

import click

from edge.commands.shared import write_json

_SHOWN = 12


@click.command()
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
def start(runs: int, json_path: Path | None) -> None:
    """Start the appliance again and again: seconds to the first call, memory when idle.

    On a new data directory each time this is asked; the first start makes its database.
    """
    from edge.start_cost import measure_imports, measure_starts

    starts, imports = measure_starts(runs), measure_imports()
    for number, one in enumerate(starts):
        click.echo(
            f"{'first' if number == 0 else 'again'}: answers after {one.answered_s:.2f} s"
            f" ({_figure(one.cpu_s, 's')} of processor), holds {_figure(one.memory_mb, 'MB')},"
            f" {_figure(one.own_mb, 'MB')} its own"
        )
    longest = list(imports.items())[:_SHOWN]
    click.echo("imports, ms: " + ", ".join(f"{name} {took:.0f}" for name, took in longest))
    if json_path:
        content = {"starts": [vars(one) for one in starts], "imports_ms": imports}
        write_json(json_path, content)


def _figure(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:.4g} {unit}"
