"""`selftest` and `doctor`: whether this device is fit to screen."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from edge.commands.shared import accelerator_options, device_config, model_options, open_any
from edge.config import data_home
from edge.contract.errors import ClinicScopeError
from edge.enhancement.enhancer import Enhancer
from edge.health import FAILED
from edge.health.everything import check_all
from edge.health.quick import check_home_quickly
from edge.health.records import repair_records
from edge.screening.classifier import Classifier
from edge.selftest import SelfTest, self_test
from edge.starts import leave_safe_mode


@click.command()
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def selftest(bundle: Path | None, runtime: str | None, threads: int | None, as_json: bool) -> None:
    """Replay the bundle's golden tensors on this device."""
    opened = open_any(bundle, runtime, threads)
    started = time.perf_counter()
    passed = self_test(opened.bundle, opened.runtime)
    others = self_tests_beside(opened)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if as_json:
        facts = vars(passed) | vars(opened.ran_on) | {"elapsed_ms": round(elapsed_ms, 3)}
        beside = {role: others.get(role) for role in ("novelty", "finder")}
        facts |= {role: vars(found) if found else None for role, found in beside.items()}
        click.echo(json.dumps(facts, indent=1))
        return
    where = f"{opened.runtime.name}/{opened.runtime.accelerator}"
    click.echo(f"ok, {passed} on {where}")
    for role, found in others.items():
        ran = getattr(opened, role).runtime
        click.echo(f"ok, {role} network: {found} on {ran.name}/{ran.accelerator}")


def self_tests_beside(opened: Classifier | Enhancer) -> dict[str, SelfTest]:
    """The self-tests of the networks beside the classifier, by role."""
    beside = {
        "novelty": getattr(opened, "novelty", None),
        "finder": getattr(opened, "finder", None),
    }
    return {role: network.self_test() for role, network in beside.items() if network}


@click.command()
@accelerator_options
@click.option(
    "--repair",
    is_flag=True,
    help="First mend the records, leave safe mode, and say so.",
)
@click.option("--deep", is_flag=True, help="With --repair: also read every image.")
@click.option("--quick", is_flag=True, help="Only what takes milliseconds: no network, no camera.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(repair: bool, deep: bool, quick: bool, as_json: bool) -> int:
    """Check the device, and say what to do about each problem. Exit code 3 if one failed."""
    home = data_home()
    config = device_config(home)
    if repair:
        told = repair_records(home, deep=deep)
        told += ["the next start is a normal one"] if leave_safe_mode(home) else []
        for line in told or ["nothing had to be repaired"]:
            click.echo(line, err=True)
    checks = check_home_quickly(home) if quick else check_all(home, config)
    if as_json:
        click.echo(json.dumps([vars(check) for check in checks], indent=1))
    else:
        for check in checks:
            advice = f" -> {check.advice}" if check.advice else ""
            click.echo(f"{check.state:8} {check.name}: {check.detail}{advice}")
    return ClinicScopeError.exit_code if any(c.state == FAILED for c in checks) else 0
