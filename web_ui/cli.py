"""`run`: the appliance, that is the screening service with its page."""

from __future__ import annotations

import faulthandler
import ipaddress
import logging
import signal
import ssl
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from flask import Flask

from edge.cameras.device import device_camera
from edge.cameras.supervised import STUCK_FOR_GOOD
from edge.certificate import load_or_create_certificate
from edge.commands.shared import accelerator_flags, accelerator_options, device_config
from edge.config import data_home, load_config
from edge.contract.errors import ClinicScopeError, ConfigError, StoreError
from edge.installed import load_screener
from edge.interop.settings import InteropSettings
from edge.log_file import keep_log
from edge.screening.lock import own_device
from edge.screening.service import ScreeningService
from edge.setup_code import FILE as SETUP_CODE_FILE
from edge.setup_code import code_in_force
from edge.starts import BARE, NORMAL, HowToStart, broke_off_for, counted, note, this_start
from edge.store.store import Store, utc_now
from edge.sync.sender import Sender
from edge.sync.settings import SyncSettings
from edge.updates.observe import Observation, settle_trials
from edge.watchdog import Heartbeat, watchdog_limit_s
from web_ui import create_app
from web_ui.api.health import program_version
from web_ui.context import parts_of
from web_ui.device import device_of
from web_ui.fallback import create_fallback_app
from web_ui.heartbeat import PageAsked, camera_of
from web_ui.memory import settle_objects, share_heaps
from web_ui.restarting import SAFE_MODE, Restart, replace_process
from web_ui.safe_mode import no_bundle, open_safely
from web_ui.serve import serve
from web_ui.sharper_views import open_enhancer
from web_ui.single_pictures import active_bundle
from web_ui.tls import server_context

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Appliance:
    """One run of it.

    Attributes:
        home: the data directory, which this process owns.
        host, port: where its page listens.
        tls: whether the page is to be encrypted.
        how: in which mode it starts.
        heart: tells systemd that it lives.
        restart: starts it anew.
    """

    home: Path
    host: str
    port: int
    tls: bool
    how: HowToStart
    heart: Heartbeat
    restart: Restart


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--tls/--no-tls",
    default=None,
    help="Encrypt the page with the device's own certificate.  [default: unless --host is this "
    "machine alone]",
)
@click.option(SAFE_MODE, "safe", is_flag=True, help="Only the page: no camera, no network, nothing "
              "is screened.")  # fmt: skip
@accelerator_options
def run(host: str, port: int, tls: bool | None, safe: bool) -> None:
    """Start the appliance: screening service and web page."""
    share_heaps()
    # systemd ends what does not answer by SIGABRT; then the journal has where each thread was.
    faulthandler.enable()
    home = data_home()
    tls = not is_loopback(host) if tls is None else tls
    end_when_asked()
    restart = Restart()
    now = this_start(program_version(), utc_now())
    try:
        with own_device(home), counted(home, now, safe=safe) as how, _beating(home) as heart:
            run_owned(Appliance(home, host, port, tls, how, heart, restart))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror}); give another --host or --port"
        ) from error
    if restart.wanted:
        replace_process()


def end_when_asked() -> None:
    """The specimen at work is stopped and stored, not cut off, when systemd ends the service
    (SIGTERM) and when its terminal is closed (SIGHUP, which `nohup` ignores).
    """
    for asked in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(asked) is not signal.SIG_IGN:
            signal.signal(asked, lambda *_: sys.exit(0))


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can ask there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run_owned(here: Appliance) -> None:
    """Serves the page until asked to end; where the service cannot start, a page that says why.

    Raises:
        OSError: host or port cannot be had.
    """
    secure = None
    try:
        keep_log(here.home)
        log.info("version %s starts", program_version())
        secure = open_tls(here.home) if here.tls else None
        service = open_in_mode(here.home, here.how)
    except ClinicScopeError as error:
        # The address that the operator knows must say what is wrong, not just be dead.
        log.error("the service cannot start: %s", error)
        click.echo(f"cannot start: {error}", err=True)
        serve_watched(here, create_fallback_app(str(error)), secure, "cannot start")
        return
    with closing(service):
        serve_service(here, service, secure)


def serve_service(
    here: Appliance, service: ScreeningService, secure: ssl.SSLContext | None
) -> None:
    """The page of a service that has started, in safe mode or not."""
    home, is_safe = here.home, bool(service.safe_mode)
    scheme = "https" if secure else "http"
    click.echo(f"ClinicScope is at {scheme}://{here.host}:{here.port}  (records in {home})")
    show_setup_code(service.store)
    with ExitStack() as ends:
        sender = None if is_safe else ends.enter_context(closing(open_sender(home, service.store)))
        config = device_config(home)
        app = create_app(
            service,
            sender=sender,
            enhancer=None if is_safe else open_enhancer(home, config),
            page=config.page,
            secure=bool(secure),
            load_bundle=no_bundle if is_safe else active_bundle(home, config.accelerators),
            device=device_of(service.store, config, here.restart, accelerator_flags(), here.heart),
        )
        pictures = ends.enter_context(closing(parts_of(app).pictures.worker))
        if not is_safe:
            ends.enter_context(Observation(service.store, service.state))
        settle_objects()
        here.heart.watch("screening", service.hangs)
        here.heart.watch("single pictures", pictures.hangs)
        tried = broke_off_for(home, STUCK_FOR_GOOD)
        here.heart.watch("camera", camera_of(service, restarted_for_it=tried))
        serve_watched(
            here, app, secure, f"safe mode: {service.safe_mode}" if is_safe else "screens"
        )


def serve_watched(here: Appliance, app: Flask, secure: ssl.SSLContext | None, status: str) -> None:
    """Serves, and lets the heart beat while the page answers. Raises OSError."""
    here.heart.watch("page", PageAsked(here.host, here.port, tls=secure is not None))
    try:
        serve(app, here.host, here.port, secure, lambda: here.heart.ready(status))
    finally:
        here.heart.leave(for_good=not here.restart.wanted)


@contextmanager
def _beating(home: Path) -> Iterator[Heartbeat]:
    """A heart from the first moment on: opening the networks may take long."""
    heart = Heartbeat(lambda hangs: note(home, hangs), limit_s=watchdog_limit_s())
    heart.start()
    with closing(heart):
        yield heart


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


def open_in_mode(home: Path, how: HowToStart) -> ScreeningService:
    """The service, or in safe mode what is left of it.

    Raises:
        ClinicScopeError: see `open_service`; or even safe mode breaks off.
    """
    if how.mode == NORMAL:
        return open_service(home)
    if how.mode == BARE:
        raise StoreError(f"{how.reason}, in safe mode, too")
    return open_safely(home, device_config(home), how.reason)


def open_service(home: Path) -> ScreeningService:
    """Store, config, bundle and runtime as one service.

    Raises:
        ClinicScopeError: the records cannot be opened or the config is wrong. A bundle that fails
            leaves the service up, not ready, with the reason.
    """
    config = device_config(home)
    store = Store(home)
    camera = device_camera(config.camera)
    # A new bundle that fails here is taken out of use before anything is opened with it.
    settle_trials(store, config)
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
