"""Another bundle in use, and the way back: proven first, kept across a restart, never silent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.activation import ACTIVATED, ROLLED_BACK, activate, may_roll_back, roll_back
from edge.bundle_choice import CHOICES_FILE, BundleChoice, keep_choice, read_choices
from edge.config import DeviceConfig
from edge.contract.errors import BundleError, ConfigError, ConflictError, IntegrityError
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES, MALARIA_SUPERRES
from edge.installed import find_bundle, has_enhancer, list_bundles, load_screener, open_stages
from edge.store.audit import Audit
from edge.store.store import Store
from tests.support.other_bundle import install_version

CONFIG = DeviceConfig(threads=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def active(home: Path, task: str = MALARIA_CELLS) -> list[str]:
    return [one.bundle_id for one in list_bundles(home) if one.active and one.task == task]


def test_an_older_version_is_chosen_used_and_left_again(store: Store) -> None:
    old = install_version(store.home, 3)
    assert active(store.home) == ["malaria-cells-5"] and not may_roll_back(
        store.home, MALARIA_CELLS
    )
    found = activate(store, CONFIG, old, "Ana")
    assert (found.bundle_id, active(store.home)) == (old, [old])
    screener = load_screener(store.home, CONFIG)
    assert screener.ran_on.bundle_id == old
    screener.close()
    assert may_roll_back(store.home, MALARIA_CELLS)
    assert roll_back(store, CONFIG, MALARIA_CELLS, "Ben").bundle_id == "malaria-cells-5"
    assert active(store.home) == ["malaria-cells-5"] and not may_roll_back(
        store.home, MALARIA_CELLS
    )
    entries = [(one.action, one.by, one.subject) for one in Audit(store).entries()]
    assert entries == [(ROLLED_BACK, "Ben", "malaria-cells-5"), (ACTIVATED, "Ana", old)]


def test_several_steps_back_lead_through_each_choice(store: Store) -> None:
    for version in (6, 3):
        install_version(store.home, version)
    assert active(store.home) == ["malaria-cells-6"]
    for name in ("malaria-cells-5", "malaria-cells-3"):
        activate(store, CONFIG, name, "Ana")
    for expected in ("malaria-cells-5", "malaria-cells-6"):
        roll_back(store, CONFIG, MALARIA_CELLS, "Ana")
        assert active(store.home) == [expected]
    with pytest.raises(ConflictError, match="no other bundle was active"):
        roll_back(store, CONFIG, MALARIA_CELLS, "Ana")


def test_a_bundle_that_fails_its_proof_is_never_in_use(store: Store) -> None:
    old = install_version(store.home, 3)
    card = store.home / "bundles" / old / "MODEL_CARD.md"
    card.write_text(card.read_text() + "altered")
    with pytest.raises(IntegrityError):
        activate(store, CONFIG, old, "Ana")
    assert active(store.home) == ["malaria-cells-5"] and not Audit(store).entries()


def test_what_cannot_be_chosen_is_said(store: Store) -> None:
    install_version(store.home, 3)
    with pytest.raises(BundleError, match="no bundle 'nothing' is on this device"):
        activate(store, CONFIG, "nothing", "Ana")
    with pytest.raises(ConflictError, match="is active already"):
        activate(store, CONFIG, "malaria-cells-5", "Ana")
    with pytest.raises(ConflictError, match=r"config\.toml names /x"):
        activate(store, DeviceConfig(bundle="/x"), "malaria-cells-3", "Ana")
    broken = store.home / "bundles/broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="cannot be read"):
        activate(store, CONFIG, str(broken), "Ana")
    shutil.copytree(store.home / "bundles/malaria-cells-3", store.home / "bundles/again")
    with pytest.raises(BundleError, match="more than one bundle"):
        activate(store, CONFIG, "malaria-cells-3", "Ana")


def test_a_chosen_bundle_that_is_gone_is_missed_and_not_replaced(store: Store) -> None:
    old = install_version(store.home, 3)
    activate(store, CONFIG, old, "Ana")
    shutil.rmtree(store.home / "bundles" / old)
    assert active(store.home) == []
    with pytest.raises(BundleError, match=f"bundle {old} was chosen .* no longer on this device"):
        find_bundle(store.home, "")
    assert roll_back(store, CONFIG, MALARIA_CELLS, "Ana").bundle_id == "malaria-cells-5"


def test_a_way_back_that_is_gone_is_said(store: Store) -> None:
    for version in (2, 3):
        activate(store, CONFIG, install_version(store.home, version), "Ana")
    shutil.rmtree(store.home / "bundles/malaria-cells-2")
    with pytest.raises(BundleError, match="malaria-cells-2, which was active before"):
        roll_back(store, CONFIG, MALARIA_CELLS, "Ana")
    assert active(store.home) == ["malaria-cells-3"]


def test_networks_beside_the_classifier_are_missed_too(store: Store) -> None:
    for task in (MALARIA_STAGES, MALARIA_SUPERRES):
        keep_choice(store.home, task, BundleChoice(f"{task}-9", "0" * 64, "Ana"))
    stages, why = open_stages(store.home, CONFIG)
    assert stages is None and "was chosen" in why
    assert has_enhancer(store.home, CONFIG)  # `load_enhancer` then says what is wrong.


def test_damaged_choices_stop_the_device_with_advice(store: Store) -> None:
    (store.home / CHOICES_FILE).write_text("{")
    with pytest.raises(ConfigError, match="remove it, then choose the bundles again"):
        list_bundles(store.home)
    (store.home / CHOICES_FILE).write_text(json.dumps({"tasks": {}, "more": 1}))
    with pytest.raises(ConfigError, match="is damaged"):
        read_choices(store.home)


def test_only_so_many_choices_are_kept(tmp_path: Path) -> None:
    for number in range(25):
        keep_choice(tmp_path, MALARIA_CELLS, BundleChoice(f"b-{number}", str(number)))
    kept = read_choices(tmp_path)[MALARIA_CELLS]
    assert len(kept) == 20 and kept[-1].bundle_id == "b-24"


def test_the_commands_do_the_same(
    home: Path, clinicscope: Callable[..., tuple[int, str, str]]
) -> None:
    old = install_version(home, 3)
    assert clinicscope("bundle", "activate", old)[:2] == (0, f"{old} is active for malaria-cells\n")
    code, out, _ = clinicscope("bundle", "list", "--json")
    assert [one["bundle_id"] for one in json.loads(out) if one["active"]].count(old) == 1
    assert clinicscope("bundle", "rollback", "malaria-cells")[0] == 0
    code, _, said = clinicscope("bundle", "rollback", "malaria-cells")
    assert code == 3 and "no other bundle was active" in said
    assert clinicscope("bundle", "activate", "nothing")[0] == 3
