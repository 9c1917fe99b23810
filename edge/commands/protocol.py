"""`protocol`: what counting rules there are, what each says, and how far its intervals hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.shared import progress_bar, write_json
from edge.config import data_home, load_config
from edge.protocol.library import load_any, load_protocol, load_thick_protocol, protocol_names
from edge.store.records import MALARIA, SpecimenRecord

if TYPE_CHECKING:
    from edge.agreement import Agreement, DensityAgreement, Pair, Share
    from edge.contract.manifest import OperatingPoint
    from edge.protocol.simulation import Coverage
    from edge.store.store import Store

_PAGE = 200


@click.group()
def protocol() -> None:
    """Counting rules: list them, show one, or simulate how often its intervals hold the truth."""


@protocol.command("list")
def list_protocols() -> None:
    """Names and versions; the one that the device counts by is marked."""
    home = data_home()
    chosen = load_config(home).protocol
    names = protocol_names(home)
    for name in names:
        found = load_any(name, home)
        mark = "*" if found.label == chosen.label else " "
        click.echo(f"{mark} {found.label}: {found.title}")
    if chosen.name not in names:
        click.echo(f"* {chosen.label}: of config.toml")


@protocol.command()
@click.argument("name", default="")
def show(name: str) -> None:
    """All that protocol NAME says, as JSON; without a name, of the one the device counts by."""
    home = data_home()
    found = load_any(name, home) if name else load_config(home).protocol
    click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))


@protocol.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
def agreement(json_path: Path | None) -> None:
    """How far machine and reader agree on this device's specimens, month by month and in all."""
    from edge.agreement import agree, agree_by_month

    pairs = list(_pairs(data_home()))
    months, everything = agree_by_month(pairs), agree(pairs)
    if json_path:
        by_month = {month: asdict(one) for month, one in months.items()}
        write_json(json_path, {"all": asdict(everything), "months": by_month})
    if str(json_path) != "-":
        for name, one in {**months, "all": everything}.items():
            click.echo(_agreement_line(name, one))


@protocol.command()
@click.option("--protocol", "name", default="", help="Counted by; the device's own by default.")
@click.option("--slides", default=10_000, show_default=True, type=click.IntRange(100))
@click.option("--cells", default=0, type=click.IntRange(0), help="Red cells; else the minimum.")
@click.option("--reviewed", is_flag=True, help="A person has judged every suspect cell.")
@click.option(
    "--law",
    default="beta",
    show_default=True,
    type=click.Choice(["beta", "logit-normal"]),
    help="How the classifier's errors are spread between slides.",
)
@click.option("--seed", default=7, show_default=True)
@click.option("--bundle", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
def coverage(
    name: str,
    slides: int,
    cells: int,
    reviewed: bool,
    law: str,
    seed: int,
    bundle: Path | None,
    json_path: Path | None,
) -> None:
    """Simulate slides in five ranges of parasitaemia and print how often the intervals hold it.

    The classifier errs on each slide as the bundle's manifest says that it does.
    """
    from edge.protocol.simulation import RANGES, simulate_range

    home = data_home()
    chosen = load_protocol(name, home) if name else load_config(home).protocol
    point, found = _point(bundle, home), []
    with progress_bar() as bar:
        for bounds in bar.track(RANGES, description="Simulating"):
            found.append(
                simulate_range(
                    point,
                    chosen,
                    bounds,
                    slides=slides,
                    rbc_count=cells,
                    reviewed=reviewed,
                    law=law,
                    seed=seed,
                )
            )
    if json_path:
        write_json(json_path, {"protocol": chosen.label, "ranges": [asdict(one) for one in found]})
    if str(json_path) != "-":
        click.echo("\n".join([f"{chosen.label}, {slides:,} slides a range", *map(_line, found)]))


def _line(one: Coverage) -> str:
    bounds = f"{100 * one.low:.2f} %"
    if one.low != one.high:
        bounds += f" to {100 * one.high:.2f} %"
    below, above = one.below / one.slides, one.above / one.slides
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(one.verdicts.items()))
    return (
        f"{bounds:>16}: {100 * one.coverage:.2f} % hold it ({100 * one.coverage_low:.2f} % to "
        f"{100 * one.coverage_high:.2f} %){'' if one.within else ', OUTSIDE 93 to 97 %'}; end "
        f"below {100 * below:.2f} %, begin above {100 * above:.2f} %; median width "
        f"{100 * one.median_width:.3f} %{f'; {verdicts}' if verdicts else ''}"
    )


def _agreement_line(name: str, one: Agreement) -> str:
    kappa = "no kappa"
    if one.kappa.kappa is not None:
        kappa = f"kappa {one.kappa.kappa:.2f} ({one.kappa.low:.2f} to {one.kappa.high:.2f})"
    return (
        f"{name}: {one.specimens:,} specimens; sensitivity {_share(one.sensitivity)}, specificity "
        f"{_share(one.specificity)}, {kappa}; {one.unanswered:,} without two answers"
        f"{_density(one.density)}"
    )


def _share(share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        return "not known"
    bounds = f"{100 * share.low:.0f} % to {100 * share.high:.0f} %"
    return f"{100 * share.share:.0f} % ({bounds} of {share.of:,})"


def _density(density: DensityAgreement) -> str:
    if density.ratio is None:
        return ""
    limits = f" (95 % of {density.pairs:,} from {density.low:.2f} to {density.high:.2f})"
    return f"; density {density.ratio:.2f} of the reader's{limits if density.low else ''}"


def _pairs(home: Path) -> Iterator[Pair]:
    """Of every finished specimen that a person has counted or signed."""
    from edge.agreement import pair_of
    from edge.protocol.reviewed import counts_of_persons
    from edge.store.results import Results
    from edge.store.review import Tallies
    from edge.store.store import Store

    chosen = load_config(home).protocol
    thick = load_thick_protocol(chosen.thick, home)
    with closing(Store(home)) as store:
        for specimen in _specimens(store):
            reports = [
                one.report for one in Results(store).of_machine_and_persons(specimen.specimen_id)
            ]
            tallies = Tallies(store).of_specimen(specimen.specimen_id)
            persons = counts_of_persons(tallies, chosen, thick)
            pair = pair_of(specimen.specimen_id, specimen.started_utc, reports, persons)
            if pair:
                yield pair


def _specimens(store: Store) -> Iterator[SpecimenRecord]:
    """Malaria specimens, page by page."""
    before: str | None = None
    while page := store.specimens(_PAGE, before):
        yield from (specimen for specimen in page if specimen.task == MALARIA)
        before = page[-1].specimen_id


def _point(bundle: Path | None, home: Path) -> OperatingPoint:
    from edge.installed import find_bundle
    from edge.screening.calls import field_point

    named = str(bundle) if bundle else load_config(home).bundle
    return field_point(find_bundle(home, named).manifest)
