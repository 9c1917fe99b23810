"""A newly chosen bundle is proven at each start and watched; what fails is taken out of use."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.activation import activate, roll_back
from edge.bundle_choice import read_choices
from edge.config import DeviceConfig
from edge.contract.errors import UpdateError
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES, MALARIA_SUPERRES
from edge.contract.types import RanOn
from edge.installed import list_bundles, load_screener
from edge.screening.service import ScreeningService
from edge.screening.state import ServiceState
from edge.store.audit import Audit
from edge.store.records import DEVICE
from edge.store.store import Store
from edge.updates.bundle_trial import TRIALS_FILE, read_trials
from edge.updates.floors import floor_of
from edge.updates.observe import (
    KNOWN_GOOD,
    MOST_STARTS,
    RETURNED,
    Observation,
    settle_trials,
)
from edge.updates.signature import BUNDLE
from edge.updates.stage import install_bundle
from tests.support.signed_updates import Clinic, make_bundle, spoil_golden

CONFIG = DeviceConfig(threads=1)
SHIPPED, NEW = "malaria-cells-5", "malaria-cells-7"


def active(home: Path, task: str = MALARIA_CELLS) -> list[str]:
    return [one.bundle_id for one in list_bundles(home) if one.active and one.task == task]


def installed(clinic: Clinic, store: Store, version: int = 7, shipped: str = SHIPPED) -> Path:
    found = install_bundle(store, CONFIG, clinic.bundle(version, shipped), clinic.asked())
    return Path(found.path)


def logged(store: Store, action: str) -> list[str]:
    return [one.subject for one in Audit(store).entries() if one.action == action]


def test_one_that_fails_at_a_start_is_taken_back_by_the_device(
    clinic: Clinic, store: Store
) -> None:
    """Its golden answers come out otherwise, as on another processor after a move of the card."""
    spoil(installed(clinic, store))
    (gone,) = settle_trials(store, CONFIG)
    assert (gone.bundle_id, active(clinic.home)) == (NEW, [SHIPPED])
    (entry,) = (one for one in Audit(store).entries() if one.action == RETURNED)
    assert (entry.by, entry.subject) == (DEVICE, NEW)
    assert "MODEL_CARD.md" in entry.detail["why"]
    screener = load_screener(clinic.home, CONFIG)
    assert screener.ran_on.bundle_id == SHIPPED
    screener.close()
    # The floor stays: only the device itself goes back.
    assert floor_of(clinic.home, BUNDLE, MALARIA_CELLS).version == 7
    assert settle_trials(store, CONFIG) == []


def spoil(path: Path) -> None:
    (path / "MODEL_CARD.md").write_text("spoilt")


def test_wrong_golden_answers_at_a_start_are_taken_back(clinic: Clinic, store: Store) -> None:
    found = installed(clinic, store)
    spoil_golden(found)  # whose manifest is then another one
    (gone,) = settle_trials(store, CONFIG)
    assert gone.bundle_id == NEW and active(clinic.home) == [SHIPPED]


def test_a_golden_mismatch_itself_is_told(clinic: Clinic, store: Store) -> None:
    """Nobody ever named the one before, and the one that fails is the newest that is there."""
    path = spoil_golden(make_bundle(clinic.home / "bundles", 8))
    choose_unproven(store, path)
    (gone,) = settle_trials(store, CONFIG)
    assert "must not screen" in gone.why and active(clinic.home) == [SHIPPED]


def test_what_a_person_left_again_is_not_on_trial(clinic: Clinic, store: Store) -> None:
    make_bundle(clinic.home / "bundles", 4)
    activate(store, CONFIG, "malaria-cells-4", "Ana")
    assert MALARIA_CELLS in read_trials(clinic.home).trials
    roll_back(store, CONFIG, MALARIA_CELLS, "Ana")
    assert not read_trials(clinic.home).trials


def choose_unproven(store: Store, path: Path) -> None:
    from edge.activation import _choose  # what a power cut at a bad moment would leave

    found = next(one for one in list_bundles(store.home) if one.path == str(path))
    _choose(store, found, "Ana")


def test_one_with_which_the_service_never_stays_up_is_taken_back(
    clinic: Clinic, store: Store
) -> None:
    installed(clinic, store)
    for _ in range(MOST_STARTS):
        assert settle_trials(store, CONFIG) == []  # and then the process dies
        assert active(clinic.home) == [NEW]
    (gone,) = settle_trials(store, CONFIG)
    assert "started 3 times with it and did not stay up" in gone.why
    assert active(clinic.home) == [SHIPPED]


def test_a_start_that_someone_ended_is_not_held_against_it(clinic: Clinic, store: Store) -> None:
    installed(clinic, store)
    for _ in range(MOST_STARTS + 3):
        assert settle_trials(store, CONFIG) == []
        with Observation(store, lambda: NOT_READY):
            pass
    assert read_trials(clinic.home).trials[MALARIA_CELLS].starts == 0
    with pytest.raises(RuntimeError), Observation(store, lambda: NOT_READY):
        settle_trials(store, CONFIG)
        raise RuntimeError("crash")
    assert read_trials(clinic.home).trials[MALARIA_CELLS].starts == 1


NOT_READY = ServiceState(False, "", None, None)


def test_where_the_one_before_fails_too_nothing_is_taken_back(clinic: Clinic, store: Store) -> None:
    """The fault is the device's: the answer is not another network."""
    first, second = installed(clinic, store, 7), installed(clinic, store, 8)
    spoil(first)
    spoil(second)
    assert settle_trials(store, CONFIG) == [] and active(clinic.home) == ["malaria-cells-8"]
    assert not logged(store, RETURNED)


def test_one_that_serves_long_enough_is_known_to_be_good(clinic: Clinic, store: Store) -> None:
    spoilt = installed(clinic, store)
    service = ScreeningService(clinic.store(), lambda: load_screener(clinic.home, CONFIG))
    with Observation(store, service.state, observed_s=0.2, every_s=0.02):
        wait_for(lambda: not read_trials(clinic.home).trials)
    service.close()
    assert logged(store, KNOWN_GOOD) == [NEW]
    spoil(spoilt)  # From now on it is the device's to say that it is damaged, not to replace it.
    assert settle_trials(store, CONFIG) == [] and active(clinic.home) == [NEW]


def wait_for(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_that_does_not_serve_yet_is_not_known_to_be_good(clinic: Clinic, store: Store) -> None:
    """It was installed beside a running service, which goes on with the one before."""
    installed(clinic, store)
    other = RanOn(SHIPPED, "0" * 64, "litert", "cpu", fallback=False, threads=1)
    for state in (ServiceState(True, "", other, None), NOT_READY):
        watch = Observation(store, lambda shown=state: shown, observed_s=0.0)
        watch.look()
        watch.look()
        assert MALARIA_CELLS in read_trials(clinic.home).trials


def test_stages_count_once_they_are_told_apart(clinic: Clinic, store: Store) -> None:
    installed(clinic, store, 3, "malaria-stages-1")
    for stages, left in (("malaria-stages-1", 1), ("malaria-stages-3", 0)):
        ran_on = RanOn(
            SHIPPED, "0" * 64, "litert", "cpu", fallback=False, threads=1, stages_bundle_id=stages
        )
        Observation(store, lambda r=ran_on: ServiceState(True, "", r, None), 0.0).look()
        assert len(read_trials(clinic.home).trials) == left


def test_a_taken_back_one_is_not_brought_again_by_a_stick(clinic: Clinic, store: Store) -> None:
    path = clinic.bundle(7)
    install_bundle(store, CONFIG, path, clinic.asked())
    for _ in range(MOST_STARTS + 1):
        settle_trials(store, CONFIG)
    with pytest.raises(UpdateError, match=r"was taken back on .* started 3 times"):
        install_bundle(store, CONFIG, path, clinic.asked())
    # A person may try it once more.
    install_bundle(store, CONFIG, path, clinic.asked(again=True))
    assert active(clinic.home) == [NEW]


def test_the_way_back_leads_past_choices_of_the_same_bundle(clinic: Clinic, store: Store) -> None:
    path = installed(clinic, store)
    choose_unproven(store, path)
    assert len(read_choices(clinic.home)[MALARIA_CELLS]) == 3
    spoil(path)
    settle_trials(store, CONFIG)
    ids = [one.bundle_id for one in read_choices(clinic.home)[MALARIA_CELLS]]
    assert ids == [SHIPPED] and active(clinic.home) == [SHIPPED]


def test_where_the_one_before_is_gone_the_newest_other_one_is_named(
    clinic: Clinic, store: Store
) -> None:
    shutil.rmtree(installed(clinic, store, 7))
    spoil(installed(clinic, store, 8))
    settle_trials(store, CONFIG)
    assert active(clinic.home) == [SHIPPED]


def test_each_task_is_watched(clinic: Clinic, store: Store) -> None:
    good = installed(clinic, store, 3, "malaria-stages-1")
    spoil(installed(clinic, store, 4, "malaria-superres-1"))
    (gone,) = settle_trials(store, CONFIG)
    assert gone.task == MALARIA_SUPERRES
    assert active(clinic.home, MALARIA_STAGES) == [good.name]
    assert active(clinic.home, MALARIA_SUPERRES) == ["malaria-superres-1"]


def test_the_only_one_of_a_task_goes_altogether(
    clinic: Clinic, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the newest of its task it would be in use, though nobody chose it."""
    only_cells(monkeypatch, clinic)
    path = installed(clinic, store, 3, "malaria-stages-1")
    spoil(path)
    (gone,) = settle_trials(store, CONFIG)
    assert gone.bundle_id == "malaria-stages-3" and not path.exists()
    assert active(clinic.home, MALARIA_STAGES) == []


def only_cells(monkeypatch: pytest.MonkeyPatch, clinic: Clinic) -> None:
    from edge import installed as module

    shipped = clinic.engineer / "shipped"
    shutil.copytree(module.SHIPPED_DIR / SHIPPED, shipped / SHIPPED)
    monkeypatch.setattr(module.list_bundles, "__defaults__", (shipped,))


def test_a_bundle_of_the_config_comes_before_any_trial(clinic: Clinic, store: Store) -> None:
    spoil(installed(clinic, store))
    assert settle_trials(store, DeviceConfig(bundle="/x")) == []
    assert read_trials(clinic.home).trials[MALARIA_CELLS].starts == 0


def test_damaged_trials_do_not_keep_the_device_from_starting(
    clinic: Clinic, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (clinic.home / TRIALS_FILE).write_text("{")
    assert settle_trials(store, CONFIG) == []
    assert "is damaged" in caplog.text and "remove it" in caplog.text
    watch = Observation(store, lambda: NOT_READY, every_s=0.01)
    with watch:
        wait_for(lambda: "not watched now" in caplog.text)
    assert "a start stays counted" in caplog.text
