"""How fits go on, for a person: a bar each, and a line an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

# (which fit, row of its log)
Show = Callable[[int, dict[str, float]], None]


@contextmanager
def progress(names: Sequence[str], epochs: int) -> Iterator[Show]:
    """A bar for each fit; what it gives shows a row of the log of one of them.

    Args:
        names: what a line starts with; "" where there is one fit.
    """
    # Takes a while to load.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bar:
        tasks = [bar.add_task(name.capitalize() or "Fitting", total=epochs) for name in names]

        def show(index: int, row: dict[str, float]) -> None:
            bar.update(tasks[index], completed=row["epoch"])
            begin = f"{names[index]}  " if names[index] else ""
            bar.console.print(
                f"{begin}epoch {row['epoch']:3.0f}  loss {row['loss']:.4f}  validation AUC "
                f"{row['validation_auc']:.4f}  {row['seconds']:.0f} s"
            )

        yield show
