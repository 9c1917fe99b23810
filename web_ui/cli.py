"""`run`: the appliance, that is the screening service with its page."""

from __future__ import annotations

import ipaddress
import logging
import signal
import ssl
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import click

from edge.cameras.device import device_camera
from edge.certificate import load_or_create_certificate
from edge.commands.shared import accelerator_flags, accelerator_options, device_config
from edge.config import data_home, load_config
from edge.contract.errors import ClinicScopeError, ConfigError, StoreError
from edge.installed import load_screener
from edge.interop.settings import InteropSettings
from edge.log_file import keep_log
from edge.screening.lock import own_device
from edge.screening.service import ScreeningService
from edge.store.store import Store
from edge.sync.sender import Sender
from edge.sync.settings import SyncSettings
from web_ui import create_app
from web_ui.context import parts_of
from web_ui.device import device_of
from web_ui.fallback import create_fallback_app
from web_ui.memory import settle_objects, share_heaps
from web_ui.restarting import Restart, replace_process
from web_ui.serve import serve
from web_ui.setup_code import FILE as SETUP_CODE_FILE
from web_ui.setup_code import code_in_force
from web_ui.sharper_views import open_enhancer
from web_ui.single_pictures import active_bundle
from web_ui.tls import server_context

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--tls/--no-tls",
    default=None,
    help="Encrypt the page with the device's own certificate.  [default: unless --host is this "
    "machine alone]",
)
@accelerator_options
def run(host: str, port: int, tls: bool | None) -> None:
    """Start the appliance: screening service and web page."""
    share_heaps()
    home = data_home()
    tls = not is_loopback(host) if tls is None else tls
    # systemd ends a service so; the specimen at work is then stopped and stored, not cut off.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    restart = Restart()
    try:
        with own_device(home):
            run_owned(home, host, port, tls, restart)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror}); give another --host or --port"
        ) from error
    if restart.wanted:
        replace_process()


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can ask there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run_owned(home: Path, host: str, port: int, tls: bool, restart: Restart) -> None:
    """Serves the page until asked to end; where the service cannot start, a page that says why.

    Raises:
        OSError: host or port cannot be had.
    """
    secure = None
    try:
        keep_log(home)
        log.info("version %s starts", version("clinicscope"))
        secure = open_tls(home) if tls else None
        service = open_service(home)
    except ClinicScopeError as error:
        # The address that the operator knows must say what is wrong, not just be dead.
        log.error("the service cannot start: %s", error)
        click.echo(f"cannot start: {error}", err=True)
        serve(create_fallback_app(str(error)), host, port, secure)
        return
    with closing(service), closing(open_sender(home, service.store)) as sender:
        scheme = "https" if secure else "http"
        click.echo(f"ClinicScope is at {scheme}://{host}:{port}  (records in {home})")
        show_setup_code(service.store)
        app = create_app(
            service,
            sender=sender,
            enhancer=open_enhancer(home, device_config(home)),
            page=device_config(home).page,
            secure=bool(secure),
            load_bundle=active_bundle(home, device_config(home).accelerators),
            device=device_of(service.store, device_config(home), restart, accelerator_flags()),
        )
        settle_objects()
        with closing(parts_of(app).pictures.worker):
            serve(app, host, port, secure)


def show_setup_code(store: Store) -> None:
    """Tells at the console who may set up a device that has no admin yet.

    Not in the log, which may leave the device. Where the code cannot be kept, a browser on the
    device itself still needs none.
    """
    try:
        code = code_in_force(store)
    except StoreError as error:
        log.warning("there is no set-up code: %s", error)
        return
    if code:
        click.echo(
            f"set-up code: {code}  (also in {store.home / SETUP_CODE_FILE}; a browser on this "
            "device needs none)"
        )


def open_tls(home: Path) -> ssl.SSLContext:
    """The device's certificate, made where there is none; its fingerprint is told on the console.

    Raises:
        StoreError: it can be neither read nor written.
    """
    try:
        demanded = device_config(home).page.host_names
    except ClinicScopeError:
        demanded = ()  # The page that says what is wrong is encrypted all the same.
    certificate = load_or_create_certificate(home, demanded)
    click.echo(f"certificate, SHA-256: {certificate.fingerprint}")
    return server_context(certificate.path)


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


def open_sender(home: Path, store: Store) -> Sender:
    """Sends from now on what the config has servers for, as it stands at each round."""

    def settings() -> tuple[SyncSettings, InteropSettings]:
        config = load_config(home)
        return config.sync, config.interop

    sender = Sender(store, settings)
    sender.start()
    return sender
