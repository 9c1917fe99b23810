"""`train explain`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: runs/explain-RUN.html; it holds images of the data set.",
)
@click.option("--examples", type=int, default=24, show_default=True, help="Examples with maps.")
@click.option(
    "--methods", default="", help="Comma-separated; default: all that the network allows."
)
@click.option(
    "--embeddings", default="t-sne,umap", show_default=True, help='Comma-separated, or "".'
)
@click.option(
    "--baseline",
    default="blurred",
    show_default=True,
    help="What replaces pixels that are taken away: blurred or black.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@data_option
def explain(
    run_dir: Path,
    out: Path | None,
    examples: int,
    methods: str,
    embeddings: str,
    baseline: str,
    seed: int,
    data: Path | None,
) -> None:
    """Maps of why the network of RUN_DIR called what it called, each tested, as one HTML page.

    Methods: cam, grad_cam, occlusion, integrated_gradients, shap, lime.
    """
    # TensorFlow takes seconds to load, and `--help` must not.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    from train.explain.page import write_study
    from train.explain.study import Settings, study

    settings = Settings(examples, _names(methods), _names(embeddings), baseline, seed)
    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    ) as bar:
        task = bar.add_task("Loading", total=None)

        def show(text: str, total: int) -> None:
            # The step that begins is not done yet, so the bar counts the ones before it.
            done = bar.tasks[0].completed + (bar.tasks[0].total is not None)
            bar.update(task, description=text, total=total, completed=done)

        done = study(run_dir, settings, data=data, on_step=show)
        bar.update(task, completed=bar.tasks[0].total, description="Done")
    path = out or Path("runs") / f"explain-{run_dir.resolve().name}.html"
    click.echo(f"page: {write_study(done, path)}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
