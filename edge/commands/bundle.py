"""`bundle`: what is installed, what a bundle says of itself, whether it is intact."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from edge.commands.bundle_updates import install, keygen, keys, revoke, sign, trust
from edge.commands.device import self_tests_beside
from edge.config import data_home, load_config
from edge.contract.bundle import open_bundle
from edge.contract.manifest import Enhancer, Finder, Manifest, Novelty, Parity
from edge.contract.manifest_json import format_manifest
from edge.installed import list_bundles, prove_any
from edge.selftest import self_test
from edge.store.store import Store


@click.group()
def bundle() -> None:
    """List, inspect and verify bundles; install, sign and choose them."""


for _command in (install, keygen, keys, revoke, sign, trust):
    bundle.add_command(_command)


@bundle.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Bundles on this device; the active one is marked."""
    found = list_bundles(data_home())
    if as_json:
        click.echo(json.dumps([vars(item) for item in found], indent=1))
        return
    for item in found:
        mark = "*" if item.active else " "
        text = item.problem or f"{item.task}  {item.bundle_id}  version {item.version}"
        click.echo(f"{mark} {text}  {item.path}")


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def inspect(path: Path, as_json: bool) -> None:
    """What a bundle is, how it was chosen, and how well it does."""
    opened = open_bundle(path)
    manifest = opened.manifest
    if as_json:
        click.echo(format_manifest(manifest), nl=False)
        return
    click.echo(f"{manifest.bundle_id}, version {manifest.version}, for {manifest.task}")
    click.echo(f"sha256      {opened.sha256}")
    click.echo(f"use         {manifest.intended_use}")
    for weights in manifest.weights:
        click.echo(f"weights     {weights.role}, {weights.format}, {weights.bytes:,} bytes")
    if manifest.enhancer:
        _echo_enhancer(manifest.enhancer)
    else:
        _echo_labels(manifest)
    for line in (line for one in manifest.corrections for line in one.told()):
        click.echo(f"corrections {line}")
    for entry in manifest.evaluation:
        click.echo(f"evaluation  {entry.dataset}, {entry.role}, {entry.labels} labels:")
        for name, metric in entry.metrics.items():
            interval = f"{metric.ci_low:.4f} to {metric.ci_high:.4f}"
            click.echo(f"            {name} {metric.value:.4f} ({interval})")
    for limitation in manifest.limitations:
        click.echo(f"limit       {limitation}")


def _echo_labels(manifest: Manifest) -> None:
    """What a bundle calls, from which score on, and how far its networks are from float."""
    click.echo(f"labels      {', '.join(manifest.labels)}; score is {manifest.score_meaning}")
    for point, use in (
        (manifest.operating_point, ""),
        (manifest.field_operating_point, ", cells of a field"),
    ):
        if point:
            click.echo(f"threshold   {point.threshold} ({point.rule}{use})")
    _echo_parity("parity", manifest.parity)
    if manifest.novelty:
        _echo_novelty(manifest.novelty, manifest.novelty_threshold)
    if manifest.finder:
        _echo_finder(manifest.finder)


def _echo_enhancer(enhancer: Enhancer) -> None:
    parity = enhancer.parity
    click.echo(
        f"enhancer    {enhancer.factor}x in tiles of {enhancer.tile_px} px, "
        f"{enhancer.margin_px} px of each side thrown away; calls nothing"
    )
    click.echo(
        f"parity      {parity.psnr_int8_db:.2f} dB, float {parity.psnr_float_db:.2f}, bicubic "
        f"{parity.psnr_bicubic_db:.2f}, on {parity.n_images:,} pictures"
    )
    for run in parity.runtimes:
        click.echo(
            f"parity      {run.runtime}, {run.format}: {run.psnr_db:.2f} dB, within "
            f"{run.max_abs_difference:.0f} grey levels of float"
        )


def _echo_parity(name: str, parity: Parity | None) -> None:
    for run in parity.runtimes if parity else ():
        click.echo(
            f"{name:11} {run.runtime}, {run.format}: {100 * run.calls_agree_fraction:.2f} % of "
            f"{run.n_cells:,} calls as float, logits within {run.logit_max_abs_difference:.3f}"
        )


def _echo_novelty(novelty: Novelty, threshold: float | None) -> None:
    """The second opinion, where the bundle has one."""
    false_alarm, false_refusal = novelty.false_alarm, novelty.false_refusal
    click.echo(
        f"novelty     {threshold} ({novelty.rule}); false alarms in "
        f"{100 * false_alarm.rate:.2f} % of {false_alarm.n_cells:,} healthy cells"
    )
    click.echo(
        f"foreign     {novelty.foreign_threshold}; {100 * false_refusal.rate:.2f} % of "
        f"{false_refusal.n_cells:,} red cells refused; a field with more than "
        f"{100 * novelty.most_foreign_share:.0f} % of its cells foreign is no smear"
    )
    _echo_parity("parity, 2nd", novelty.parity)


def _echo_finder(finder: Finder) -> None:
    parity = finder.parity
    click.echo(
        f"finder      cells {finder.grid.cell_px} px wide, from score {finder.grid.least_score}; "
        f"fitted on {finder.fitted_on}"
    )
    click.echo(
        f"parity      finds {100 * parity.recall_int8:.2f} % of {parity.n_cells:,} cells of "
        f"{parity.n_fields} fields, float {100 * parity.recall_float:.2f} %; labelled are "
        f"{100 * parity.precision_int8:.2f} % of what it finds, float "
        f"{100 * parity.precision_float:.2f} %"
    )
    for run in parity.runtimes:
        click.echo(
            f"parity      {run.runtime}, {run.format}: {100 * run.cells_agree_fraction:.2f} % of "
            "the cells as float"
        )


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path))
def verify(path: Path) -> None:
    """Check every file's sha256 and who signed, then the golden tensors on this device."""
    opened = open_bundle(path)
    signed = _who_signed(path)
    proven = prove_any(opened, load_config(data_home()))
    passed, runtime = self_test(opened, proven.runtime), proven.runtime
    click.echo(
        f"{opened.manifest.bundle_id}: {len(opened.files)} files intact; {passed} on "
        f"{runtime.name}/{runtime.accelerator}"
    )
    for role, found in self_tests_beside(proven).items():
        click.echo(f"{role} network: {found}")
    click.echo(signed)


def _who_signed(path: Path) -> str:
    """Raises SignatureError where there is a signature that this device does not trust."""
    from edge.updates.signature import SIGNATURE_FILE, check_signature
    from edge.updates.source import UpdateSource, check_files, read_envelope
    from edge.updates.trust import bundle_trust

    with UpdateSource(path) as source:
        if SIGNATURE_FILE not in source.sizes:
            return "not signed"
        envelope = read_envelope(source)
        check_signature(envelope, bundle_trust(data_home()))
        check_files(source, envelope)
    sites = f" at {', '.join(envelope.sites)}" if envelope.sites else ""
    return (
        f"signed by key {envelope.key_id} on {envelope.signed_utc[:10]}, for "
        f"{', '.join(envelope.devices)}{sites}"
    )


@bundle.command("activate")
@click.argument("named", metavar="ID_OR_PATH")
@click.option("--by", default="console", show_default=True, help="Who decides, for the log.")
def activate_(named: str, by: str) -> None:
    """Let another bundle on this device decide, once it has passed its golden tensors.

    The appliance takes it up when it starts; on its page it is taken up at once.
    """
    from edge.activation import activate

    home = data_home()
    with closing(Store(home)) as store:
        found = activate(store, load_config(home), named, by)
    click.echo(f"{found.bundle_id} is active for {found.task}")


@bundle.command()
@click.argument("task")
@click.option("--by", default="console", show_default=True, help="Who decides, for the log.")
def rollback(task: str, by: str) -> None:
    """Go back to the bundle of TASK that was active before."""
    from edge.activation import roll_back

    home = data_home()
    with closing(Store(home)) as store:
        found = roll_back(store, load_config(home), task, by)
    click.echo(f"{found.bundle_id} is active for {found.task} again")
