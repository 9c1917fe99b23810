"""Changes of config.toml: whole, durable, and only where it stays a config."""

from __future__ import annotations

import stat
import threading
import tomllib
from pathlib import Path

import pytest

from edge.config import CONFIG_FILE, load_config
from edge.config_file import change_config
from edge.contract.errors import ConfigError, StoreError

WRITTEN = """\
# The lab's device, set up by hand.
threads = 2  # measured

[protocol]
name = "own"
minimum_rbc_count = 700

[camera]
name = "network"  # above the bench
[camera.settings]
url = "http://reader:secret@camera/stream"

[[sync.targets]]
name = "hospital"
kind = "fhir"
url = "https://server/fhir"
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / CONFIG_FILE).write_text(WRITTEN)
    return tmp_path


def test_a_first_change_makes_the_file_for_its_owner_alone(tmp_path: Path) -> None:
    config = change_config(tmp_path, {"page.clinic": "Ward 3", "page.lock_after_minutes": 5})
    assert (config.page.clinic, config.page.lock_after_minutes) == ("Ward 3", 5)
    assert load_config(tmp_path) == config
    assert stat.S_IMODE((tmp_path / CONFIG_FILE).stat().st_mode) == 0o600


def test_what_is_not_changed_stays_with_its_comments(written: Path) -> None:
    before = load_config(written)
    change_config(written, {"page.language": "sw", "threads": 4})
    text = (written / CONFIG_FILE).read_text()
    assert "# The lab's device, set up by hand." in text and "# above the bench" in text
    after = load_config(written)
    assert (after.threads, after.page.language) == (4, "sw")
    assert (after.camera, after.sync, after.protocol) == (
        before.camera, before.sync, before.protocol
    )  # fmt: skip


def test_a_table_gives_way_to_a_name_that_does_not_fall_into_another_table(written: Path) -> None:
    assert change_config(written, {"protocol": "cdc-thin"}).protocol.name == "cdc-thin"
    content = tomllib.loads((written / CONFIG_FILE).read_text())
    assert content["protocol"] == "cdc-thin" and content["camera"]["name"] == "network"


def test_a_key_is_taken_away_and_a_table_is_replaced(written: Path) -> None:
    changes = {"camera.name": "v4l2", "camera.settings": {"device": "/dev/video2"}, "threads": None}
    config = change_config(written, changes)
    assert dict(config.camera.settings) == {"device": "/dev/video2"} and config.threads == 0
    assert "secret" not in (written / CONFIG_FILE).read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"page.lock_after_minutes": 0}, "lock_after_minutes is 0; allowed: 1 to 240"),
        ({"page.language": "xx"}, "page.language is 'xx'"),
        ({"page.clinic": "two\nlines"}, "on one line"),
        ({"page.colour": "red"}, "unknown keys"),
        ({"protocol": "none-such"}, "known: "),
        ({"threads.more": 1}, "not a table"),
        ({"site": "x"}, "site.toml"),
    ],
)
def test_what_is_no_config_is_refused_and_nothing_is_written(
    written: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        change_config(written, changes)
    assert (written / CONFIG_FILE).read_text() == WRITTEN


def test_a_broken_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text("threads = = 2")
    with pytest.raises(ConfigError, match="mend it by hand first"):
        change_config(tmp_path, {"threads": 1})
    assert (tmp_path / CONFIG_FILE).read_text() == "threads = = 2"


def test_a_disk_that_refuses_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    with pytest.raises((StoreError, OSError)):
        change_config(tmp_path / "home", {"threads": 1})


def test_two_changes_at_once_are_both_kept(tmp_path: Path) -> None:
    names = [f"T-{number}" for number in range(8)]
    workers = [
        threading.Thread(target=change_config, args=(tmp_path, {f"interop.dhis2.elements.{n}": n}))
        for n in names
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(load_config(tmp_path).interop.dhis2.elements) == set(names)
