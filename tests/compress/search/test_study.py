"""A search on a tiny drawn task: killed half way and gone on with, its front, and its refusals."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from compress.devices import Budget, budget_of, load_device
from compress.search.fitting import Fits
from compress.search.front import Trial, front_of
from compress.search.objective import Objective, Outcome
from compress.search.space import Candidate
from compress.search.storage import STUDY_FILE
from compress.search.study import Settings, search
from edge.contract.errors import BusyError, ConfigError, DataError, HardwareError
from edge.engine import EngineSettings
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_folds import write_known_patients
from train.recipe import load_recipe

# tf_keras and the converter warn about their own deprecations.
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]

DEVICE = "coral_usb"
# One round of two.
TRIALS = AT_ONCE = 2
LOG, WEIGHTS = "log.csv", "model.weights.h5"


@dataclass(frozen=True)
class Workshop:
    """A drawn data set and a recipe, and where a search of it lies."""

    data: Path
    recipe: Path
    out: Path

    @property
    def settings(self) -> Settings:
        recipe = load_recipe(str(self.recipe))
        return Settings(recipe, DEVICE, budget_of(load_device(DEVICE)), 1, AT_ONCE)

    def search(self, engine: EngineSettings | None = None, **changes: object) -> tuple[Trial, ...]:
        settings = replace(self.settings, **changes)
        device = load_device(settings.device)
        return search(
            settings, device, self.out, trials=TRIALS, command="again", data=self.data,
            engine=engine,
        )  # fmt: skip

    def words(self, out: Path) -> list[str]:
        """Of the command, for the same search."""
        words = (
            self.recipe, "--device", DEVICE, "--trials", TRIALS, "--epochs", 1,
            "--at-once", AT_ONCE, "--cpus", 0, "--out", out, "--data", self.data,
        )  # fmt: skip
        return [str(word) for word in words]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    root = tmp_path_factory.mktemp("search")
    data = write_known_patients(root / "data", 6, 8)
    recipe = root / "tiny.toml"
    recipe.write_text(TINY_RECIPE)
    return Workshop(data, recipe, root / "out")


def search_in_child(workshop: Workshop) -> subprocess.Popen[bytes]:
    code = "import sys; from edge.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "compress", "search", *workshop.words(workshop.out)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def states(out: Path) -> list[str]:
    """The state of each trial, read as another process would."""
    if not (out / STUDY_FILE).is_file():
        return []
    with sqlite3.connect(f"file:{out / STUDY_FILE}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT state FROM trials ORDER BY number").fetchall()
    connection.close()
    return [row[0] for row in rows]


def told(out: Path) -> list[tuple[object, ...]]:
    """Everything of the trials, as the study has it."""
    query = """
        SELECT number, state, objective, value, value_json
        FROM trials LEFT JOIN trial_values USING (trial_id)
        JOIN trial_user_attributes USING (trial_id) ORDER BY number, objective
    """
    with sqlite3.connect(out / STUDY_FILE) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def same_weights(first: Path, second: Path) -> bool:
    def arrays(path: Path) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {})
            )
        return found

    ours, theirs = arrays(first), arrays(second)
    return ours.keys() == theirs.keys() and all(
        np.array_equal(ours[name], theirs[name]) for name in ours
    )


def parameters(out: Path) -> list[dict[str, float]]:
    query = "SELECT number, param_name, param_value FROM trials JOIN trial_params USING (trial_id)"
    with sqlite3.connect(out / STUDY_FILE) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    found: dict[int, dict[str, float]] = {}
    for number, name, value in rows:
        found.setdefault(number, {})[name] = value
    return [found[number] for number in sorted(found)]


@pytest.fixture(scope="module")
def killed(workshop: Workshop) -> list[str]:
    """The fits of a search that was killed in the second fit of its only round."""
    child = search_in_child(workshop)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and child.poll() is None:
        fits = workshop.out / "fits"
        logs, weights = (
            {path.parent.name for path in fits.glob(f"*/{name}")} for name in (LOG, WEIGHTS)
        )
        # An epoch of it is logged, so that it has a checkpoint to go on from.
        if weights and logs > weights:
            break
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    return sorted(weights)


@pytest.fixture(scope="module")
def told_of_killed(workshop: Workshop, killed: list[str]) -> list[str]:
    return states(workshop.out)


@pytest.fixture(scope="module")
def front(workshop: Workshop, told_of_killed: list[str]) -> tuple[Trial, ...]:
    return workshop.search()


def test_killed_search_loses_no_trial_and_doubles_none(
    workshop: Workshop, killed: list[str], told_of_killed: list[str], front: tuple[Trial, ...]
) -> None:
    # What was fitted before the kill is there; nothing of the round had been told.
    assert killed
    assert told_of_killed == []
    assert states(workshop.out) == ["COMPLETE"] * TRIALS
    drawn = parameters(workshop.out)
    assert len({tuple(sorted(one.items())) for one in drawn}) == TRIALS
    with (workshop.out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(TRIALS))


def test_finished_search_is_not_searched_again(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    before = states(workshop.out)
    assert workshop.search() == front
    assert states(workshop.out) == before


def test_front_is_written_as_the_report_reads_it(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    from compress.report.fronts import read_front

    record = read_front(workshop.out / "front.json")
    assert len(record.rows) == len(front) > 0
    assert "predicted" in record.note
    assert "ms (predicted)" in record.columns
    assert (workshop.out / "front.md").read_text().count("\n| ") == len(front) + 2
    assert (workshop.out / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (workshop.out / "front.svg").read_text()
    assert not list(workshop.out.glob("*.part"))


def test_no_held_out_score_is_left_to_choose_by(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    assert list((workshop.out / "fits").glob("*/model.weights.h5"))
    assert not list((workshop.out / "fits").rglob("held_out.npz"))
    assert all(0 <= (trial.outcome.auc or -1) <= 1 for trial in front)


def test_cut_candidate_is_fitted_cut_and_scored(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    settings = workshop.settings
    fits = Fits(workshop.out / "fits", workshop.data)
    objective = Objective(
        settings.recipe, load_device("rpi4"), settings.budget, settings.epochs, fits
    )
    one = objective.judge(Candidate(1.0, 0, 0.5, 0.5, "float16"), [])
    assert (one.widths, one.size_px, len(one.curve)) == ((4, 8), 16, 2)
    assert one.auc == pytest.approx(one.auc_float, abs=1e-3)
    assert not one.reason
    # One that is far behind trials which cost no more stops before its last epoch.
    better = [replace(one.course, curve=(1.0, 1.0), costs=(0.0, 0.0))] * 3
    stopped = objective.judge(Candidate(1.0, 0, 0.5, 0.5, "int8"), better)
    assert (stopped.auc, len(stopped.curve)) == (None, 1)
    assert stopped.reason.startswith("stopped after epoch 1: behind earlier trials")


def test_candidate_over_the_budget_is_never_fitted(workshop: Workshop, tmp_path: Path) -> None:
    settings = workshop.settings
    fits = Fits(tmp_path, workshop.data)
    budget = Budget(6000, 10**9, 100.0)
    one = Objective(settings.recipe, load_device("rpi4"), budget, 1, fits).judge(
        Candidate(1.5, 2, 1.0, 0.0, "int8"), []
    )
    assert one.over > 0
    assert one.auc is None
    assert one.reason.startswith("over the budget of 6,000 bytes")
    assert not list(tmp_path.iterdir())


def test_candidate_comes_out_the_same_whatever_was_built_before(
    workshop: Workshop, tmp_path: Path
) -> None:
    objective = Objective(
        workshop.settings.recipe, load_device("rpi4"), workshop.settings.budget, 1,
        Fits(tmp_path, workshop.data),
    )  # fmt: skip
    candidate = Candidate(0.5, 0, 0.5, 0.0, "int8")
    judged = objective.judge(candidate, [])
    # As a kill leaves it between the log of an epoch and its checkpoint.
    (weights,) = tmp_path.glob(f"*/{WEIGHTS}")
    weights.unlink()
    again = objective.judge(candidate, [])
    assert judged == again
    assert objective.weigh(candidate).size_bytes == pytest.approx(judged.size_bytes, abs=64)


def test_loss_that_runs_away_ends_the_trial_alone(workshop: Workshop, tmp_path: Path) -> None:
    settings = workshop.settings
    fit = replace(settings.recipe.fit, learning_rate=float("inf"))
    objective = Objective(
        replace(settings.recipe, fit=fit),
        load_device("rpi4"),
        settings.budget,
        1,
        Fits(tmp_path, workshop.data),
    )
    one = objective.judge(Candidate(0.5, 0, 0.5, 0.0, "int8"), [])
    assert one.auc is None
    assert one.reason.startswith("not fitted: loss is")


def test_budget_below_the_smallest_network_is_refused_at_once(
    workshop: Workshop, tmp_path: Path
) -> None:
    tight = Budget(100, 10**9, 100.0)
    out = tmp_path / "out"
    with pytest.raises(
        DataError, match=r"the smallest network of the space, .* is over the budget"
    ):
        search(
            replace(workshop.settings, budget=tight), load_device(DEVICE), out,
            trials=1, command="", data=workshop.data,
        )  # fmt: skip
    assert not out.exists()


def test_engine_that_cannot_be_reached_is_said_before_anything_is_made(
    workshop: Workshop, tmp_path: Path
) -> None:
    elsewhere = replace(workshop, out=tmp_path / "out")
    with pytest.raises(HardwareError, match=r"127\.0\.0\.1:1"):
        elsewhere.search(engine=EngineSettings("ray", "127.0.0.1:1"))
    assert not elsewhere.out.exists()


def test_search_of_other_settings_is_not_gone_on_with(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    with pytest.raises(ConfigError, match="holds a search with another recipe, device, budget"):
        workshop.search(epochs=2)
    with pytest.raises(ConfigError, match="number of epochs, of candidates at once"):
        workshop.search(at_once=1)
    with pytest.raises(ConfigError, match="at once or of threads"):
        workshop.search(cpus=1)


def test_folder_that_is_searched_already_is_refused(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    import fcntl

    with (workshop.out / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another search is running in"):
            workshop.search()


def test_file_that_is_no_study_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / STUDY_FILE).write_bytes(b"no database, but long enough to be looked at" * 40)
    with pytest.raises(ConfigError, match=r"study\.db is no study of a search"):
        replace(workshop, out=tmp_path).search()


def test_settings_out_of_range_are_refused(workshop: Workshop) -> None:
    with pytest.raises(ConfigError, match="epochs of a trial are 0"):
        workshop.search(epochs=0)
    with pytest.raises(ConfigError, match="candidates at once are 0"):
        workshop.search(at_once=0)
    with pytest.raises(ConfigError, match="cpus of a fit are -1"):
        workshop.search(cpus=-1)
    with pytest.raises(ConfigError, match="trials are 0"):
        search(workshop.settings, load_device(DEVICE), workshop.out, trials=0, command="")


def test_command_names_the_known_devices(workshop: Workshop) -> None:
    from click.testing import CliRunner

    from compress.commands.search import search as command

    done = CliRunner().invoke(command, [str(workshop.recipe), "--device", "rpi3"])
    assert isinstance(done.exception, ConfigError)
    assert "known: coral_usb, jetson_orin_nano, rpi4, rpi5, rpi_zero2w" in str(done.exception)


def outcome(auc: float | None, size_bytes: int, ms: float) -> Outcome:
    return Outcome(
        Candidate(1.0, 0, 1.0, 0.0, "int8"), (8,), (2,), 1, 32, 1000, size_bytes, ms, ms, auc=auc
    )


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(0.9, 10, 1.0), (0.8, 20, 2.0)], [0]),
        ([(0.9, 20, 1.0), (0.8, 10, 2.0)], [1, 0]),
        ([(0.9, 20, 1.0), (0.9, 20, 1.0)], [0]),
        ([(0.9, 20, 1.0), (0.9, 20, 0.5), (0.85, 30, 0.4)], [1, 2]),
        ([(None, 1, 0.1), (0.5, 9, 9.0)], [1]),
        ([(None, 1, 0.1)], []),
    ],
)
def test_front_holds_what_no_other_dominates(
    outcomes: list[tuple[float | None, int, float]], expected: list[int]
) -> None:
    trials = [Trial(number, outcome(*one)) for number, one in enumerate(outcomes)]
    assert [trial.number for trial in front_of(trials)] == expected


def test_search_that_finds_nothing_says_the_nearest(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compress.search import study

    # Only the smallest network fits, and the one draw misses it.
    monkeypatch.setattr(study, "DRAWS_PER_TRIAL", 1)
    settings = workshop.settings
    least = Objective(
        settings.recipe, load_device(DEVICE), settings.budget, 1, Fits(tmp_path, None)
    ).weigh(Candidate(0.25, 0, 0.5, 0.5, "int8"))
    tight = Budget(least.size_bytes, least.macs, 100.0)
    with pytest.raises(DataError, match=r"none of 1 trials is within the budget .*; nearest: \["):
        search(
            replace(settings, budget=tight, at_once=1), load_device(DEVICE), tmp_path / "out",
            trials=1, command="", data=workshop.data,
        )  # fmt: skip


def test_trial_lines_and_json_go_to_their_own_streams(
    workshop: Workshop, front: tuple[Trial, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from compress.commands.search import search as command

    run: Callable[..., object] = command.main
    run([*workshop.words(workshop.out), "--json"], standalone_mode=False)
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["gain"] == "AUC"
    assert " --at-once 2 --cpus 0 --out " in record["command"]
    assert "predicted, not measured" in captured.err


def test_several_at_once_have_one_thread_each_unless_it_is_said(
    workshop: Workshop, front: tuple[Trial, ...]
) -> None:
    from compress.commands.search import search as command

    words = workshop.words(workshop.out)
    at = words.index("--cpus")
    with pytest.raises(ConfigError, match="at once or of threads"):
        command.main(words[:at] + words[at + 2 :], standalone_mode=False)


def test_two_workers_of_ray_find_the_very_same(
    workshop: Workshop, front: tuple[Trial, ...], tmp_path: Path
) -> None:
    elsewhere = replace(workshop, out=tmp_path / "out")
    assert elsewhere.search(engine=EngineSettings("ray", workers=2)) == front
    assert told(elsewhere.out) == told(workshop.out)
    for name in ("front.csv", "trials.csv"):
        assert (elsewhere.out / name).read_bytes() == (workshop.out / name).read_bytes()
    # Each candidate had a process of its own; the weights are those of one process for both.
    weights = list(elsewhere.out.glob(f"fits/*/{WEIGHTS}"))
    assert len(weights) >= TRIALS
    for path in weights:
        assert same_weights(path, workshop.out / path.relative_to(elsewhere.out)), path
