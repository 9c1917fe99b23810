"""`run`: the appliance, that is the screening service with its page."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import click

from edge.cameras.device import device_camera
from edge.commands.shared import accelerator_options, device_config
from edge.config import data_home
from edge.contract.errors import ClinicScopeError, ConfigError
from edge.enhancement.enhancer import Enhancer
from edge.installed import has_enhancer, load_enhancer, load_screener
from edge.screening.lock import own_device
from edge.screening.service import ScreeningService
from edge.store.store import Store
from web_ui import create_app
from web_ui.fallback import create_fallback_app
from web_ui.serve import serve

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@accelerator_options
def run(host: str, port: int) -> None:
    """Start the appliance: screening service and web page."""
    home = data_home()
    # systemd ends a service so; the specimen at work is then stopped and stored, not cut off.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with own_device(home):
            run_owned(home, host, port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror}); give another --host or --port"
        ) from error


def run_owned(home: Path, host: str, port: int) -> None:
    """Serves the page until asked to end; where the service cannot start, a page that says why.

    Raises:
        OSError: host or port cannot be had.
    """
    try:
        service = open_service(home)
    except ClinicScopeError as error:
        # The address that the operator knows must say what is wrong, not just be dead.
        log.error("the service cannot start: %s", error)
        click.echo(f"cannot start: {error}", err=True)
        serve(create_fallback_app(str(error)), host, port)
        return
    try:
        click.echo(f"ClinicScope is at http://{host}:{port}  (records in {home})")
        serve(create_app(service, enhancer=open_enhancer(home)), host, port)
    finally:
        service.close()


def open_service(home: Path) -> ScreeningService:
    """Store, config, bundle and runtime as one service.

    Raises:
        ClinicScopeError: the records cannot be opened or the config is wrong. A bundle that fails
            leaves the service up, not ready, with the reason.
    """
    config = device_config(home)
    store = Store(home)
    camera = device_camera(config.camera)
    return ScreeningService(
        store, lambda: load_screener(home, config), config.protocol, camera, config.retention
    )


def open_enhancer(home: Path) -> Enhancer | None:
    """What makes sharper views; None where there is none, or where it fails its golden tensors.

    Screening does not need it, so a broken one is said in the log and by `doctor`.
    """
    config = device_config(home)
    if not has_enhancer(home, config):
        return None
    try:
        return load_enhancer(home, config)
    except ClinicScopeError as error:
        log.warning("the page shows no sharper views: %s", error)
        return None
