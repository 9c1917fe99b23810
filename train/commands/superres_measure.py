"""`train superres evaluate`, `train superres sheet` and `train superres report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from train.commands.shared import data_option

if TYPE_CHECKING:
    from train.superres.networks import Enlarge
    from train.superres.recipe import EnhancerRecipe

RECORDS = Path("train") / "records" / "superres"
run_dirs = click.argument(
    "run_dirs",
    nargs=-1,
    required=True,
    metavar="RUN_DIR...",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)


@click.command()
@run_dirs
@click.option("--set", "names", multiple=True, metavar="NAME", help="Test set; default: every one.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=RECORDS / "measured",
    show_default=True,
    help="A file a test set, to which systems are added.",
)
@data_option
def evaluate(
    run_dirs: tuple[Path, ...], names: tuple[str, ...], out: Path, data: Path | None
) -> None:
    """Measure enhancers and interpolation on cells of held-out patients, image by image.

    Each RUN_DIR is a folder of `train superres fit`; all have to hold the same fold out.
    """
    from train.superres.evaluate import PAIR_SETS, load_pairs
    from train.superres.evaluate import evaluate as measure_all
    from train.superres.measured import MEASURES, PLACES, add_measured

    if unknown := set(names) - set(PAIR_SETS):
        raise click.UsageError(f"no test set {sorted(unknown)}; known: {', '.join(PAIR_SETS)}")
    names = names or tuple(PAIR_SETS)
    recipe, systems, about = open_systems(run_dirs, names)
    click.echo("  ".join(("test set", "system", *(f"{p} {m}" for p in PLACES for m in MEASURES))))
    for name in names:

        def tell(system: str, values: Any, name: str = name) -> None:
            means = values.mean(axis=0).ravel()
            click.echo("  ".join((name, system, *(f"{value:.4f}" for value in means))))

        found = measure_all(systems, load_pairs(name, recipe, data), tell)
        found.about.update(about)
        add_measured(out / f"{name}.npz", found)


@click.command()
@run_dirs
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Pictures to enlarge, instead of cells of held-out patients.",
)
@click.option("--set", "name", default="nih-cells-lossless", show_default=True, metavar="NAME")
@click.option("--count", type=click.IntRange(1), default=8, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@data_option
def sheet(
    run_dirs: tuple[Path, ...],
    images: Path | None,
    name: str,
    count: int,
    out: Path,
    data: Path | None,
) -> None:
    """Write a page with cells halved, enlarged by each system, and as they are.

    Pictures of patients are for you to see: keep them out of what is made public.
    """
    from train.superres.evaluate import PAIR_SETS, load_pairs
    from train.superres.sheets import image_pairs, write_sheet

    if name not in PAIR_SETS:
        raise click.UsageError(f"no test set {name!r}; known: {', '.join(PAIR_SETS)}")
    recipe, systems, _ = open_systems(run_dirs, () if images else (name,))
    pairs = image_pairs(images) if images else load_pairs(name, recipe, data)
    step = max(1, len(pairs) // count)
    click.echo(write_sheet(out, pairs[::step][:count], systems))


@click.command()
@click.option(
    "--records",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=RECORDS,
    show_default=True,
    help="Folder of what was measured.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs") / "superres.html",
    show_default=True,
)
def report(records: Path, page: Path) -> None:
    """Build the page on super-resolution from what is on record; no images are needed."""
    from train.report.superres import write_superres_page

    click.echo(f"page: {write_superres_page(page, records)}")


def open_systems(
    run_dirs: tuple[Path, ...], names: tuple[str, ...]
) -> tuple[EnhancerRecipe, dict[str, Enlarge], dict[str, str]]:
    """A recipe of the runs' fold, every system by name, and a line about each network.

    Args:
        names: test sets that they are to be measured on.

    Raises:
        ConfigError: no finished run, folds that differ, or a network that was fitted on what it is
            to be measured on.
    """
    from edge.contract.errors import ConfigError
    from train.superres.evaluate import PAIR_SETS
    from train.superres.networks import INTERPOLATIONS, enhance_with, load_enhancer

    measured_on = {PAIR_SETS[name].folder for name in names}
    systems, about, recipes = dict(INTERPOLATIONS), {}, []
    for run_dir in run_dirs:
        recipe, model = load_enhancer(run_dir)
        if "test" in recipe.parts:
            raise ConfigError(f"{run_dir} was fitted on test cells; its figures would mean nothing")
        if seen := sorted(measured_on & set(recipe.fields)):
            raise ConfigError(f"{run_dir} was fitted on {', '.join(seen)}; choose others by --set")
        name = run_dir.resolve().name.removeprefix("superres-")
        systems[name] = enhance_with(model)
        about[name] = f"{recipe.model.name}, {model.count_params():,} parameters"
        recipes.append(recipe)
    folds = sorted({recipe.held_out_fold for recipe in recipes})
    if len(folds) > 1:
        raise ConfigError(f"the runs hold out folds {folds}; only those of one fold compare")
    return recipes[0], systems, about
