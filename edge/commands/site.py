"""`site`: a site's own operating point, from cells that its microscopist labelled."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from edge.commands.shared import model_options, open_screener
from edge.config import SITE_FILE, clear_site, data_home, load_config, load_site, save_site
from edge.contract.errors import ClinicScopeError
from edge.contract.site import SiteCheck, shift_in_force
from edge.installed import find_bundle
from edge.screening.labelled import check_site, read_labels


@click.group()
def site() -> None:
    """The site's operating point: check, show, clear."""


@site.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--by", required=True, help="The microscopist who labelled the cells.")
@click.option("--dry-run", is_flag=True, help="Say what would be set; set nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@model_options
def check(
    sources: tuple[Path, ...],
    by: str,
    dry_run: bool,
    as_json: bool,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Set the operating point from labelled cells of this site's microscope.

    SOURCES are CSV files with the columns path,label, or folders that hold the folders
    `parasitised` and `uninfected`. Ten cells of each are needed, best from several slides. The
    threshold is kept for the bundle it was checked with, and for no other.
    """
    cells = read_labels(sources)
    screener = open_screener(bundle, runtime, threads)
    try:
        found = check_site(cells, screener, by=by, now_utc=_now())
    finally:
        screener.close()
    if not dry_run:
        save_site(data_home(), found)
    _print(found, "not set (--dry-run)" if dry_run else f"set, in {SITE_FILE}", as_json=as_json)


@site.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Show the site's check, and whether it is in force."""
    home = data_home()
    found = load_site(home)
    if found is None:
        click.echo(
            "null" if as_json else "no check of this site; the bundle's own threshold counts"
        )
        return
    _print(found, describe_force(found, home), as_json=as_json)


@site.command()
def clear() -> None:
    """Go back to the bundle's own operating point."""
    cleared = clear_site(data_home())
    click.echo(
        "cleared; the bundle's own threshold counts" if cleared else "there is none to clear"
    )


def describe_force(found: SiteCheck, home: Path) -> str:
    """Whether cells are called by it, in words."""
    try:
        bundle = find_bundle(home, load_config(home).bundle)
    except ClinicScopeError as error:
        return f"not in force: no bundle can be opened ({error})"
    if shift_in_force(found, bundle) is None:
        return (
            f"not in force: the active bundle is {bundle.manifest.bundle_id}; check the site again"
        )
    return "in force"


def _print(found: SiteCheck, state: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(vars(found) | {"state": state}, indent=1, ensure_ascii=False))
        return
    click.echo(
        f"threshold moved by {found.shift:+.2f} in logit units (95 % interval "
        f"{found.shift_low:+.2f} to {found.shift_high:+.2f})\n"
        f"of {found.n_parasitised} parasitised cells {found.found_before} were called, now "
        f"{found.found_after}; of {found.n_uninfected} uninfected ones {found.false_before}, now "
        f"{found.false_after}\n"
        f"checked by {found.checked_by} at {found.checked_utc} with {found.bundle_id} "
        f"({found.bundle_sha256[:12]}): {state}"
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
