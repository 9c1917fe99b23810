"""The restart budget: what counts, when it is spent, and how it begins anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from edge.screening.lock import own_device
from edge.starts import (
    BARE,
    MOST,
    MOST_IN_ALL,
    MOST_SAFE,
    NORMAL,
    SAFE,
    STARTS_FILE,
    WINDOW_S,
    Start,
    begin,
    broke_off_for,
    counted,
    end,
    excuse,
    note,
    read_starts,
    this_start,
)

FIRST = Start("2026-11-26T12:00:00+00:00", "boot-1", 100.0, "0.1.0")


def crash(home: Path, times: int, start: Start = FIRST, every_s: float = 30.0) -> Start:
    """So many starts that break off; gives the one that comes next."""
    for number in range(times):
        begin(home, replace(start, up_s=start.up_s + number * every_s))
    return replace(start, up_s=start.up_s + times * every_s)


def test_the_fourth_breakdown_within_ten_minutes_leads_to_safe_mode(tmp_path: Path) -> None:
    after = crash(tmp_path, MOST - 1)
    assert begin(tmp_path, after).mode == NORMAL
    note(tmp_path, "page: no answer")
    how = begin(tmp_path, replace(after, up_s=after.up_s + 30))
    assert how.mode == SAFE
    assert (
        how.reason
        == "the service broke off 4 times in a row; the last known cause: page: no answer"
    )
    # It stays, though time goes by and safe mode is asked to end and to start again.
    end(tmp_path)
    assert begin(tmp_path, replace(after, up_s=after.up_s + 5 * WINDOW_S)).mode == SAFE


def test_slow_breakdowns_and_ends_that_were_asked_for_do_not_count(tmp_path: Path) -> None:
    after = crash(tmp_path, 2 * MOST - 1, every_s=WINDOW_S / 2)
    assert begin(tmp_path, after).mode == NORMAL
    home = tmp_path / "other"
    for _ in range(2 * MOST):
        assert begin(home, FIRST).mode == NORMAL
        end(home)
    assert read_starts(home).broken == ()


def test_safe_mode_that_breaks_off_leaves_one_bare_page(tmp_path: Path) -> None:
    after = crash(tmp_path, MOST)
    modes = [begin(tmp_path, replace(after, up_s=after.up_s + 9 * n)).mode for n in range(4)]
    assert modes == [SAFE] * MOST_SAFE + [BARE, BARE]


def test_another_start_of_the_device_tries_again_but_not_for_ever(tmp_path: Path) -> None:
    crash(tmp_path, MOST)
    again = replace(FIRST, boot="boot-2", up_s=20.0)
    assert begin(tmp_path, again).mode == NORMAL
    end(tmp_path)
    # A board that breaks down as a whole comes back each time as another start of the device.
    home = tmp_path / "board"
    for number in range(MOST_IN_ALL):
        assert begin(home, replace(FIRST, boot=f"boot-{number}", up_s=9.0)).mode == NORMAL
    assert begin(home, replace(FIRST, boot="boot-9", up_s=9.0)).mode == SAFE


def test_another_version_has_a_budget_of_its_own(tmp_path: Path) -> None:
    after = crash(tmp_path, MOST - 1)
    assert begin(tmp_path, replace(after, version="0.2.0")).mode == NORMAL
    assert begin(tmp_path, replace(after, version="0.2.0")).mode == NORMAL


def test_a_person_ends_safe_mode(tmp_path: Path) -> None:
    after = crash(tmp_path, MOST)
    assert begin(tmp_path, after).mode == SAFE
    excuse(tmp_path)
    end(tmp_path)
    assert begin(tmp_path, after).mode == NORMAL
    assert len(read_starts(tmp_path).broken) == MOST  # They are still told of.


def test_doctor_leaves_safe_mode_of_a_service_that_is_stopped(
    home: Path, clinicscope: Callable[..., tuple[int, str, str]]
) -> None:
    after = crash(home, MOST)
    assert begin(home, after).mode == SAFE
    end(home)
    with own_device(home):
        assert "is running" in clinicscope("doctor", "--quick", "--repair")[2]
    assert "next start is a normal one" in clinicscope("doctor", "--quick", "--repair")[2]
    assert "nothing had to be repaired" in clinicscope("doctor", "--quick", "--repair")[2]
    assert begin(home, after).mode == NORMAL


def test_safe_mode_that_was_asked_for_lasts_for_that_start(tmp_path: Path) -> None:
    how = begin(tmp_path, FIRST, safe=True)
    assert (how.mode, how.reason) == (SAFE, "a person asked for it")
    end(tmp_path)
    assert begin(tmp_path, FIRST).mode == NORMAL


def test_ends_that_are_told_are_no_breakdowns(tmp_path: Path) -> None:
    for error in (SystemExit(0), KeyboardInterrupt(), ConfigError("x"), OSError("in use")):
        with pytest.raises(type(error)), counted(tmp_path, FIRST):
            raise error
    with counted(tmp_path, FIRST) as how:
        assert how.mode == NORMAL and read_starts(tmp_path).running
    assert read_starts(tmp_path).broken == () and read_starts(tmp_path).running is None


def test_an_internal_error_is_a_breakdown_told_without_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), counted(tmp_path, FIRST):
        raise RuntimeError("Amina of bed 4")
    assert "Amina" not in (tmp_path / STARTS_FILE).read_text()
    begin(tmp_path, FIRST)
    (broken,) = read_starts(tmp_path).broken
    assert broken.why == "an internal error (RuntimeError)"


def test_what_it_broke_off_for_is_known_until_the_device_is_switched_off(tmp_path: Path) -> None:
    now = this_start("0.1.0", FIRST.at_utc)
    begin(tmp_path, now)
    note(tmp_path, "camera: it hangs")
    begin(tmp_path, now)
    assert broke_off_for(tmp_path, "it hangs") and not broke_off_for(tmp_path, "another")
    begin(tmp_path / "b", replace(now, boot="before"))
    note(tmp_path / "b", "camera: it hangs")
    begin(tmp_path / "b", now)
    assert not broke_off_for(tmp_path / "b", "it hangs")


@pytest.mark.parametrize("content", ["", "{", '{"running": 7}', '{"odd": 1}'])
def test_a_damaged_file_keeps_nothing_from_starting(tmp_path: Path, content: str) -> None:
    (tmp_path / STARTS_FILE).write_text(content)
    assert begin(tmp_path, FIRST).mode == NORMAL
    assert read_starts(tmp_path).running is not None


def test_a_disk_that_refuses_keeps_nothing_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert begin(tmp_path / "file" / "home", FIRST).mode == NORMAL


def test_a_power_cut_after_a_good_run_does_not_count(tmp_path: Path) -> None:
    for number in range(2 * MOST_IN_ALL):
        assert begin(tmp_path, replace(FIRST, boot=f"boot-{number}")).mode == NORMAL
        excuse(tmp_path)  # It ran for ten minutes; then the power went.
    assert len(read_starts(tmp_path).broken) == 2 * MOST_IN_ALL - 1


def test_an_update_in_safe_mode_is_tried_normally(tmp_path: Path) -> None:
    after = crash(tmp_path, MOST)
    assert begin(tmp_path, after).mode == SAFE
    end(tmp_path)
    assert begin(tmp_path, replace(after, version="0.2.0")).mode == NORMAL
