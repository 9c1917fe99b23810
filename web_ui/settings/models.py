"""The networks on this device: which one decides, what is known of each, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from flask import abort, request
from werkzeug.wrappers import Response

from edge.activation import activate, may_roll_back, roll_back
from edge.bundle_list import InstalledBundle
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import BundleError, ClinicScopeError, ConfigError
from edge.contract.labels import (
    CXR_COVID,
    CXR_PNEUMONIA,
    MALARIA_CELLS,
    MALARIA_STAGES,
    MALARIA_SUPERRES,
)
from edge.drives import find_drives
from edge.installed import list_bundles, load_screener
from edge.updates.asking import asked_file
from edge.updates.bundle_trial import BundleTrials, read_trials
from edge.updates.stage import signed_by
from edge.updates.standing import standing_of
from edge.updates.stick import Outcome
from web_ui.context import context
from web_ui.device import device
from web_ui.language import lazy_gettext
from web_ui.person import person
from web_ui.settings.common import back, page, refuse_at_work

log = logging.getLogger(__name__)

# What the service opens anew.
_OF_SERVICE = (MALARIA_CELLS, MALARIA_STAGES)
CARD = "MODEL_CARD.md"
_TASKS = {
    MALARIA_CELLS: lazy_gettext("Malaria: cells of a field"),
    MALARIA_STAGES: lazy_gettext("Malaria: stage of an infected cell"),
    MALARIA_SUPERRES: lazy_gettext("Sharper view of a cell"),
    CXR_PNEUMONIA: lazy_gettext("Chest X-ray: pneumonia"),
    CXR_COVID: lazy_gettext("Chest X-ray: COVID-19"),
}


@dataclass(frozen=True)
class TaskBundles:
    """The bundles of one task, newest first."""

    task: str
    bundles: list[InstalledBundle]
    may_roll_back: bool


def show() -> Response:
    """All, by task."""
    return overview()


def show_one(bundle_id: str) -> Response:
    """The card of one: what it is for, what it cannot do, and how well it does."""
    return _card(_find(bundle_id))


def activate_one(bundle_id: str) -> Response:
    """Lets another network decide, once it has passed its golden tensors here."""
    wanted = _find(bundle_id)
    try:
        _switch(lambda: activate(context().store, device().live.current, wanted.path, person()))
    except ClinicScopeError as error:
        return _card(wanted, error)
    return back("models")


def roll_back_task() -> Response:
    """Back to the network that decided before."""
    task = request.form.get("task", "")
    try:
        _switch(lambda: roll_back(context().store, device().live.current, task, person()))
    except ClinicScopeError as error:
        return overview(error)
    return back("models")


def _switch(change: Callable[[], InstalledBundle]) -> None:
    refuse_at_work()
    take_up(change().task)


def take_up(task: str) -> None:
    """Lets what runs use the bundle of a task that was just chosen."""
    if task in _OF_SERVICE:
        _reload()
    elif task == MALARIA_SUPERRES and not context().service.safe_mode:
        context().sharper.reopen(device().live.current)
    context().pictures.worker.forget()  # the next picture takes what is active then


def _reload() -> None:
    """Opens the networks of slides anew. Where that fails, those that are open go on."""
    live = device().live
    try:
        context().service.reload(lambda: load_screener(live.home, live.current))
    except ClinicScopeError as error:
        log.warning("what was chosen is in use after a restart: %s", error)
        live.needs_restart = True


def _find(bundle_id: str) -> InstalledBundle:
    """By id; of several with one id the active one. Answers 404 where there is none."""
    found = [one for one in list_bundles(context().store.home) if one.bundle_id == bundle_id]
    if not found:
        abort(404)
    return max(found, key=lambda one: one.active)


def overview(error: ClinicScopeError | None = None, outcomes: Sequence[Outcome] = ()) -> Response:
    """The page of all models, with what became of updates that were just given to the device."""
    home = context().store.home
    try:
        found = list_bundles(home)
    except ClinicScopeError as problem:
        found, error = [], error or problem
    sound = sorted((one for one in found if not one.problem), key=lambda one: one.task)
    tasks = [
        TaskBundles(task, sorted(group, key=_newest_first), may_roll_back(home, task))
        for task, group in groupby(sound, key=lambda one: one.task)
    ]
    broken = [one for one in found if one.problem]
    return page(
        "models.html",
        error,
        tasks=tasks,
        broken=broken,
        name_of=task_name,
        outcomes=outcomes,
        trials=_trials(home),
        waits=_waits(found),
        drives=find_drives(home),
        program=standing_of(),
        asked_back=asked_file(home).exists(),
    )


def _trials(home: Path) -> BundleTrials:
    """What is on trial, and what was taken back; nothing where the file is damaged."""
    try:
        return read_trials(home)
    except ConfigError as error:
        log.warning("%s", error)
        return BundleTrials()


def _waits(found: Sequence[InstalledBundle]) -> bool:
    """Whether the network that was chosen is not the one that screens yet."""
    ran_on = context().service.state().ran_on
    chosen = [one.sha256 for one in found if one.active and one.task == MALARIA_CELLS]
    return ran_on is not None and bool(chosen) and ran_on.bundle_sha256 not in chosen


def _newest_first(one: InstalledBundle) -> tuple[int, str]:
    return -one.version, one.bundle_id


def _card(found: InstalledBundle, error: ClinicScopeError | None = None) -> Response:
    try:
        opened = open_bundle(Path(found.path))
    except BundleError as problem:
        return page("model.html", error or problem, found=found, name_of=task_name)
    return page(
        "model.html",
        error,
        found=found,
        signed_by=signed_by(found),
        manifest=opened.manifest,
        card=_card_text(opened),
        name_of=task_name,
    )


def _card_text(bundle: Bundle) -> str:
    return bundle.files.get(CARD, b"").decode("utf-8", "replace")


def task_name(task: str) -> str:
    """What a bundle is for, in the reader's language."""
    return str(_TASKS.get(task, task))
