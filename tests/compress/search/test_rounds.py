"""Rounds of a search: what they draw, and that a kill at any moment changes nothing of it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.devices import Budget, load_device
from compress.search.early import Course
from compress.search.fitting import Fits
from compress.search.objective import Objective, Outcome
from compress.search.rounds import Judge, draw_round
from compress.search.space import Candidate, Space, space_of
from compress.search.storage import DIRECTIONS, finished, opened, read_trial
from compress.search.study import Settings, search_rounds
from edge.contract.errors import ConfigError
from edge.engine import Done, Engine, EngineSettings, open_engine
from train.fit_pieces import marked
from train.recipe import load_recipe

# tf_keras and the converter warn about their own deprecations.
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]

BUDGET = Budget(10**9, 10**9, 100.0)
SETTINGS = Settings(load_recipe("malaria-cells-nih"), "rpi4", BUDGET, 6, 3)
SPACE = space_of(SETTINGS.recipe, load_device("rpi4"))
# Past the ten that TPE draws without looking at any.
TRIALS = 14


def outcome_of(candidate: Candidate, earlier: Sequence[Course] = ()) -> Outcome:
    """Some outcome, of all kinds; it depends on how many trials it is held against."""
    rng = random.Random(f"{candidate} {len(earlier)}")
    over = max(0.0, rng.random() - 0.8)
    auc = None if over or rng.random() < 0.2 else rng.random()
    size_bytes, ms = int(candidate.width * 10_000), candidate.resolution
    return Outcome(
        candidate, (8,), (2,), 1, 32, 1000, size_bytes, ms, ms,
        over=over, curve=() if over else (0.5,), auc_float=auc, auc=auc,
    )  # fmt: skip


class _Killed(BaseException):
    pass


class DrawnJudge:
    """Judges by `outcome_of`."""

    def judge(
        self, candidates: Sequence[Candidate], earlier: Sequence[Course]
    ) -> dict[Candidate, Outcome]:
        assert len(set(candidates)) == len(candidates)
        return {one: outcome_of(one, earlier) for one in candidates}


def trials_of(study: Any) -> list[tuple[Any, ...]]:
    return [
        (one.number, one.state.name, one.params, one.values, read_trial(one))
        for one in finished(study)
    ]


def run(path: Path, settings: Settings = SETTINGS, dies_after: int = 1000) -> list[Any]:
    """Goes on with the study in a file; dies after so many trials were told of in this call."""
    told: list[object] = []

    def tell(trial: object) -> None:
        told.append(trial)
        if len(told) >= dies_after:
            raise _Killed

    with opened(path, settings) as study:
        with suppress(_Killed):
            search_rounds(study, DrawnJudge(), SPACE, settings, TRIALS, tell)  # type: ignore[arg-type]
        return trials_of(study)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return run(tmp_path_factory.mktemp("study") / "study.db")


def test_search_ends_with_the_round_in_which_enough_were_fitted(undisturbed: list[Any]) -> None:
    assert len(undisturbed) % SETTINGS.at_once == 0
    fitted = [bool(trial.outcome.curve) for *_, trial in undisturbed]
    assert sum(fitted) >= TRIALS > sum(fitted[: -SETTINGS.at_once])
    assert {state for _, state, *_ in undisturbed} == {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize("after", [2, 13])
def test_search_that_is_killed_in_mid_round_ends_as_an_undisturbed_one(
    after: int, undisturbed: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "study.db"
    assert run(path, dies_after=after) == undisturbed[:after]
    assert run(path, dies_after=4) == undisturbed[: after + 4]
    assert run(path) == undisturbed


def test_candidates_of_a_round_differ_and_know_nothing_of_each_other(
    undisturbed: list[Any], tmp_path: Path
) -> None:
    with opened(tmp_path / "study.db", SETTINGS) as study:
        search_rounds(study, DrawnJudge(), SPACE, SETTINGS, TRIALS, lambda _: None)  # type: ignore[arg-type]
        earlier = finished(study)[:12]
    four = draw_round(earlier, SPACE, SETTINGS.recipe.seed, 4)
    assert len({one.candidate for one in four}) == 4
    # One more at once changes none of those before it.
    assert draw_round(earlier, SPACE, SETTINGS.recipe.seed, 5)[:4] == four
    assert [one.parameters for one in four[:3]] == [one[2] for one in undisturbed[12:15]]


def test_one_at_a_time_is_drawn_as_ask_and_tell_draw_it(tmp_path: Path) -> None:
    import optuna

    study = optuna.create_study(directions=DIRECTIONS)
    expected = []
    for number in range(TRIALS):
        state = np.random.SeedSequence((SETTINGS.recipe.seed, number)).generate_state(1)
        study.sampler = optuna.samplers.TPESampler(seed=int(state[0]))
        trial = study.ask()
        one = outcome_of(SPACE.draw(trial), [Course((), ())] * number)
        trial.set_constraint("budget", one.over)
        if one.auc is None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, [one.auc, *one.costs])
        expected.append(trial.params)
    found = run(tmp_path / "study.db", replace(SETTINGS, at_once=1))
    assert [one[2] for one in found[:TRIALS]] == expected


def test_candidate_that_is_drawn_twice_in_a_round_is_judged_once(tmp_path: Path) -> None:
    space = _Narrow(SPACE)
    settings = replace(SETTINGS, at_once=4)
    with opened(tmp_path / "study.db", settings) as study:
        search_rounds(study, DrawnJudge(), space, settings, 1, lambda _: None)  # type: ignore[arg-type]
        found = [read_trial(one) for one in finished(study)]
    assert len({trial.outcome.candidate for trial in found}) == 1
    first, *others = found
    for trial in others:
        assert trial.outcome.reason == (first.outcome.reason or "as trial 0")
        assert (trial.outcome.auc, trial.outcome.curve) == (None, ())


class _Narrow:
    """A space of one candidate."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def draw(self, trial: Any) -> Candidate:
        self._space.draw(trial)
        return Candidate(1.0, 0, 1.0, 0.0, "int8")


def test_study_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    path, alone = tmp_path / "study.db", replace(SETTINGS, at_once=1)
    expected = run(tmp_path / "other.db", alone)
    assert run(path, alone, dies_after=3) == expected[:3]
    with opened(path, alone) as study:
        # It knew nothing of rounds, and wrote a trial when it began.
        settings = json.loads(study.user_attrs["settings"])
        del settings["at_once"]
        study.set_user_attr("settings", json.dumps(settings, sort_keys=True))
        study.ask()
    after = run(path, alone)
    assert [one[2:4] for one in after] == [one[2:4] for one in expected]
    assert [one[0] for one in after][:4] == [0, 1, 2, 4]


class _Backwards(Engine):
    """An engine that finishes the last piece first, and notes what it was given."""

    # As the one that is always there.
    name = "local"
    cpus = 2

    def __init__(self) -> None:
        self.items: list[Any] = []

    def run(self, task: Any, items: Sequence[Any], *, cpus: int = 1) -> Iterator[Done[Any]]:
        self.items = list(items)
        for index in reversed(range(len(items))):
            yield Done(index, value=task(items[index]))

    stream = run  # type: ignore[assignment]


class _NoFit(Objective):
    def judge(self, candidate: Candidate, earlier: Sequence[Course]) -> Outcome:
        return outcome_of(candidate, earlier)


def test_candidates_that_share_a_fit_are_judged_in_one_piece(tmp_path: Path) -> None:
    engine = _Backwards()
    judge = Judge(engine, judging(_NoFit, tmp_path), 0, tmp_path)
    plain = Candidate(1.0, 0, 1.0, 0.0, "int8")
    wide, cut = replace(plain, width=1.5), replace(plain, cut=0.5)
    # A twin in other bits, and one that is cut more after the same first fit.
    twins = [plain, replace(plain, bits="float16"), cut, replace(cut, cut=0.25), wide]
    found = judge.judge(twins, [])
    assert engine.items == [twins[:2], twins[2:4], [wide]]
    assert found == {one: outcome_of(one) for one in twins}


class _Counted(Objective):
    """Notes the process, and the threads that TensorFlow has there."""

    def judge(self, candidate: Candidate, earlier: Sequence[Course]) -> Outcome:
        import tensorflow as tf

        threads = tf.config.threading
        numbers = (
            threads.get_intra_op_parallelism_threads(),
            threads.get_inter_op_parallelism_threads(),
            os.getpid(),
        )
        return replace(outcome_of(candidate), widths=numbers)


def judging(kind: type[Objective], folder: Path) -> Objective:
    device, fits = load_device("rpi4"), Fits(folder / "fits", None)
    return kind(SETTINGS.recipe, device, BUDGET, 6, fits)


def test_threads_that_are_asked_for_are_those_of_a_process_of_its_own(tmp_path: Path) -> None:
    one = Candidate(1.0, 0, 1.0, 0.0, "int8")
    objective = judging(_Counted, tmp_path)
    with open_engine(EngineSettings()) as engine, marked(tmp_path) as mark:
        intra, inter, process = Judge(engine, objective, 3, mark).judge([one], [])[one].widths
        assert (intra, inter) == (3, 3)
        assert process != os.getpid()
        here = Judge(engine, objective, 0, mark).judge([one], [])[one].widths
        assert here[2] == os.getpid()


def test_worker_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    one = Candidate(1.0, 0, 1.0, 0.0, "int8")
    judge = Judge(_Backwards(), judging(_NoFit, tmp_path), 0, tmp_path / "elsewhere/mark")
    judge.engine.name = "ray"
    with pytest.raises(ConfigError, match=f"does not see {tmp_path / 'elsewhere'}; --out must be"):
        judge.judge([one], [])
