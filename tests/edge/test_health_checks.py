"""Each quick check is tripped: the board, the disk, what waits, what broke off, the updates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.status import LIVE, LOST, STALLED, STUCK, CameraStatus
from edge.health import FAILED, OK, WARNING, Check, worst
from edge.health.camera import check_heartbeat
from edge.health.card import check_card
from edge.health.disk import check_disk
from edge.health.machine import check_memory, check_power, check_temperature
from edge.health.quick import check_home_quickly, check_quick
from edge.health.records import WAITS_LONG_DAYS, check_queue_age
from edge.health.restarts import check_restarts
from edge.health.updates import APPLIED_WITHIN_S, INCOMING, check_updates
from edge.starts import begin, this_start
from edge.store.outbox import Outbox
from edge.store.store import Store
from edge.updates.application import Versions
from edge.updates.bundle_trial import ReturnedBundle, keep_returned
from edge.updates.trial import GOOD, TAKEN_BACK, LastUpdate, tell
from tests.edge.bench.sensor_tree import write_file, write_monitor, write_pi

Run = Callable[..., tuple[int, str, str]]
ROOM = 10 * 1024**3


def memory(root: Path, available_kb: int, killed: int = 0) -> Path:
    write_file(root, "proc/meminfo", f"MemTotal: 4000000 kB\nMemAvailable: {available_kb} kB\n")
    write_file(root, "proc/vmstat", f"pgfault 7\noom_kill {killed}\n")
    return root


@pytest.mark.parametrize(
    ("available_kb", "killed", "state", "said"),
    [
        (2_000_000, 0, OK, "2,048 MB are left of 4,096 MB"),
        (200_000, 0, WARNING, "205 MB"),
        (60_000, 0, FAILED, "61 MB"),
        (2_000_000, 2, WARNING, "switched on: 2"),
    ],
)
def test_memory(tmp_path: Path, available_kb: int, killed: int, state: str, said: str) -> None:
    check = check_memory(memory(tmp_path, available_kb, killed))
    assert check.state == state and said in check.detail and bool(check.advice) is (state != OK)


def test_what_a_machine_does_not_tell_is_said(tmp_path: Path) -> None:
    for check in (check_memory(tmp_path), check_temperature(tmp_path)):
        assert check.state == OK and "tell" in check.detail
    assert check_power(tmp_path).state == OK


def test_this_machine_tells_its_memory() -> None:
    assert "MB are left" in check_memory().detail


@pytest.mark.parametrize(("milli", "state"), [(48_312, OK), (79_000, WARNING), (95_500, FAILED)])
def test_temperature(tmp_path: Path, milli: int, state: str) -> None:
    root = write_pi(tmp_path)
    write_file(root, "sys/class/thermal/thermal_zone0/temp", f"{milli}\n")
    check = check_temperature(root)
    assert check.state == state and "cpu-thermal" in check.detail
    assert bool(check.advice) is (state != OK)


@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        ("0", OK, "enough"),
        ("50005", FAILED, "too low now"),
        ("50000", WARNING, "was too low since"),
        ("4", WARNING, "slowed down now: throttled"),
        ("80000", WARNING, "since it was switched on: soft temperature limit"),
    ],
)
def test_power_of_a_raspberry_pi(tmp_path: Path, word: str, state: str, said: str) -> None:
    check = check_power(write_pi(tmp_path, word))
    assert check.state == state and said in check.detail and bool(check.advice) is (state != OK)


def test_under_voltage_is_told_by_the_kernels_sensor_too(tmp_path: Path) -> None:
    write_monitor(tmp_path, 1, "rpi_volt", in0_lcrit_alarm="0")
    assert check_power(tmp_path).state == OK
    write_monitor(tmp_path, 1, "rpi_volt", in0_lcrit_alarm="1")
    assert check_power(tmp_path).state == FAILED


def test_over_currents_of_a_jetson(tmp_path: Path) -> None:
    write_monitor(tmp_path, 0, "soctherm_oc", oc1_event_cnt="0", oc2_event_cnt="0")
    assert check_power(tmp_path).state == OK
    write_monitor(tmp_path, 0, "soctherm_oc", oc1_event_cnt="0", oc2_event_cnt="3")
    check = check_power(tmp_path)
    assert check.state == WARNING and check.detail.startswith("3 over-currents")


@pytest.mark.parametrize(
    ("files", "state"), [(None, OK), (500_000, OK), (9_000, WARNING), (500, FAILED)]
)
def test_disk_may_lack_room_for_names(tmp_path: Path, files: int | None, state: str) -> None:
    check = check_disk(tmp_path, lambda _: ROOM, lambda _: files)
    assert check.state == state and ("files" in check.detail) is (state != OK)


EMMC = "sys/class/mmc_host/mmc0/mmc0:0001"


@pytest.mark.parametrize(
    ("life", "end", "state", "said"),
    [
        ("0x01 0x02", "0x01", OK, "less than 20 % of its life"),
        ("0x09 0x01", "0x01", WARNING, "nearly worn out"),
        ("0x01 0x01", "0x02", WARNING, "nearly worn out"),
        ("0x02 0x0b", "0x01", FAILED, "is worn out"),
        ("0x01 0x01", "0x03", FAILED, "is worn out"),
        ("odd", "", OK, "no error was met"),
    ],
)
def test_card_that_tells_its_wear(
    tmp_path: Path, life: str, end: str, state: str, said: str
) -> None:
    write_file(tmp_path, f"{EMMC}/life_time", f"{life}\n")
    write_file(tmp_path, f"{EMMC}/pre_eol_info", f"{end}\n")
    check = check_card(tmp_path)
    assert check.state == state and said in check.detail and bool(check.advice) is (state != OK)


def test_card_whose_file_system_met_errors(tmp_path: Path) -> None:
    write_file(tmp_path, "sys/fs/ext4/mmcblk0p1/errors_count", "0\n")
    assert check_card(tmp_path).state == OK
    write_file(tmp_path, "sys/fs/ext4/mmcblk0p2/errors_count", "3\n")
    check = check_card(tmp_path)
    assert check.state == FAILED and "3 errors" in check.detail


def status(state: str) -> CameraStatus:
    return CameraStatus("v4l2", state, "no such device" if state == LOST else "", 0.3)


def test_heartbeat_of_the_camera() -> None:
    assert check_heartbeat(status(LIVE)).detail == (
        "v4l2: The camera is working; last picture 0.3 s ago"
    )
    assert [check_heartbeat(status(one)).state for one in (LIVE, LOST, STALLED, STUCK)] == [
        OK, WARNING, WARNING, FAILED,
    ]  # fmt: skip
    assert "no such device" in check_heartbeat(status(LOST)).detail
    assert "restart this device" in check_heartbeat(status(STUCK)).advice


def test_what_waits_too_long_to_be_sent_is_noticed(tmp_path: Path) -> None:
    now = "2026-03-01T08:00:00+00:00"
    store = Store(tmp_path, now=lambda: now)
    outbox = Outbox(store)
    assert check_queue_age(store) == Check("queue age", OK, "nothing waits to be sent")
    first = outbox.add("clinic", "fhir", "", 1, b"one")
    outbox.add("clinic", "fhir", "", 2, b"two")
    outbox.mark_failed(first.item_id, "offline", 60.0)
    now = "2026-03-14T08:00:00+00:00"
    outbox.retry(first.item_id)
    assert check_queue_age(store).state == OK
    now = f"2026-03-{1 + WAITS_LONG_DAYS}T08:00:00+00:00"
    check = check_queue_age(store)
    assert check.state == WARNING and "14 days, since 2026-03-01T08" in check.detail
    outbox.mark_sent(first.item_id)
    outbox.mark_failed(first.item_id + 1, "refused", None)
    assert check_queue_age(store).state == OK  # What was given up is the outbox's check.
    store.close()


def test_restarts(tmp_path: Path) -> None:
    now = this_start("1", "2026-11-26T12:00:00+00:00")
    assert check_restarts(tmp_path).state == OK
    begin(tmp_path, now)
    assert check_restarts(tmp_path).state == OK
    begin(tmp_path, now)
    check = check_restarts(tmp_path)
    assert check.state == WARNING and "switched on: 1;" in check.detail
    assert check_restarts(tmp_path, boot="another").state == OK
    for _ in range(3):
        begin(tmp_path, now)
    check = check_restarts(tmp_path)
    assert check.state == FAILED and "safe mode: the service broke off 4 times" in check.detail


def test_updates_that_wait_or_failed(tmp_path: Path) -> None:
    home, versions = tmp_path / "home", Versions(tmp_path / "opt")
    versions.root.mkdir()

    def found(now_s: float | None = None) -> Check:
        return check_updates(home, versions, now_s)

    assert found().state == OK
    waits = home / INCOMING / "clinicscope-7.zip"
    waits.parent.mkdir(parents=True)
    waits.write_bytes(b"x")
    laid_s = waits.stat().st_mtime
    assert found(laid_s + 60).state == OK
    for late_s in (APPLIED_WITHIN_S + 1, -APPLIED_WITHIN_S - 1):  # The clock may have been set.
        check = found(laid_s + late_s)
        assert check.state == WARNING and "clinicscope-7.zip waits" in check.detail
    waits.unlink()
    tell(versions, LastUpdate("f", "0.2.0", 7, GOOD, "", "2026-11-26T12:00:00+00:00"))
    assert found().state == OK
    tell(versions, LastUpdate("f", "0.2.0", 7, TAKEN_BACK, "did not answer", "2026-11-26"))
    check = found()
    assert check.state == WARNING and "0.2.0 was taken back: did not answer" in check.detail
    tell(versions, LastUpdate("f", "0.2.0", 7, GOOD, "", "2026-11-26T12:00:00+00:00"))
    keep_returned(home, ReturnedBundle("malaria-cells", "bad-2", "0" * 64, "golden", "2026-11-26"))
    check = found()
    assert check.state == WARNING and "bad-2 was taken back at 2026-11-26: golden" in check.detail
    (home / "bundle-trials.json").write_text("{")
    assert found().state == WARNING and "damaged" in found().detail


def test_quick_checks_are_all_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = [check.name for check in check_quick(store)]
    store.close()
    assert names == [
        "disk", "card", "memory", "temperature", "power", "updates", "restarts", "clock", "outbox",
        "queue age", "backup age",
    ]  # fmt: skip
    (tmp_path / "records.db").write_bytes(b"no database" * 100)
    assert check_home_quickly(tmp_path)[-1].state == FAILED
    (tmp_path / "file").write_text("x")
    (check,) = check_home_quickly(tmp_path / "file" / "below")
    assert (check.name, check.state) == ("data directory", FAILED)


def test_doctor_may_be_quick(home: Path, clinicscope: Run) -> None:
    code, out, _ = clinicscope("doctor", "--quick", "--json")
    names = {check["name"] for check in json.loads(out)}
    assert code in (0, 3) and {"disk", "power"} <= names and not {"bundle", "camera"} & names
    assert not (home / "records.db").exists() and list(home.iterdir()) == []


def test_the_worst_of_all() -> None:
    checks = [Check("a", OK, ""), Check("litert/gpu", "absent", ""), Check("b", WARNING, "")]
    assert worst(checks) == WARNING and worst([]) == OK
    assert worst([*checks, Check("c", FAILED, "")]) == FAILED
