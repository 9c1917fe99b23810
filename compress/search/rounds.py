"""A round of a search: its candidates, drawn together and judged at once.

Both depend on the finished trials of earlier rounds alone, so a round comes out the same whatever
judges it, in whatever order, and however often it was begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compress.search.early import Course
from compress.search.objective import Objective, Outcome
from compress.search.space import Candidate, Drawn, Space
from compress.search.storage import DIRECTIONS
from edge.engine import Engine
from train.fit_pieces import check_seen
from train.processes import Beat, in_fresh_process
from train.threads import limit_threads

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def draw_round(
    earlier: Sequence[FrozenTrial], space: Space, seed: int, at_once: int
) -> list[Drawn]:
    """The candidates of the round that comes after these finished trials.

    Each is drawn by a sampler seeded anew by seed and number. Those of the round that are drawn
    already count as bad ones ("constant liar"), so that the next lies elsewhere.
    """
    import optuna

    # In memory: what is drawn is not in the study before it is judged.
    study = optuna.create_study(directions=DIRECTIONS)
    study.add_trials(earlier)
    found = []
    for place in range(at_once):
        state = np.random.SeedSequence((seed, len(earlier) + place)).generate_state(1)
        study.sampler = optuna.samplers.TPESampler(seed=int(state[0]), constant_liar=True)
        trial = study.ask()
        candidate = space.draw(trial)
        found.append(Drawn(candidate, trial.params, trial.distributions))
    return found


@dataclass(frozen=True, eq=False)
class Judge:
    """Who judges candidates.

    Attributes:
        cpus: threads of each piece, which its numbers depend on: a process with so many is made
            for it. 0 takes what the machine gives; the local engine then makes no process.
        mark: see `train.fit_pieces.marked`; of the folder of the fits.
    """

    engine: Engine
    objective: Objective
    cpus: int
    mark: Path

    def judge(
        self, candidates: Sequence[Candidate], earlier: Sequence[Course]
    ) -> dict[Candidate, Outcome]:
        """Judges candidates that differ; those that share a fit one after the other.

        Args:
            earlier: how trials of earlier rounds went.

        Raises:
            DataError: see `Objective.judge`.
            ConfigError: a worker does not see the folder of the fits.
        """
        groups: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(self.objective.shares(candidate), []).append(candidate)
        task, pieces = self._task(tuple(earlier)), list(groups.values())
        found: dict[Candidate, Outcome] = {}
        for done in self.engine.run(task, pieces, cpus=max(1, self.cpus)):
            found |= done.result()
        return found

    def _task(self, earlier: tuple[Course, ...]) -> Callable[..., dict[Candidate, Outcome]]:
        here = partial(_judge_group, self.objective, earlier)
        is_local = self.engine.name == "local"
        if is_local and not self.cpus:
            return here
        elsewhere = partial(_judge_elsewhere, here, self.cpus, self.mark, Path.cwd())
        return partial(in_fresh_process, elsewhere) if is_local else elsewhere


def _judge_group(
    objective: Objective, earlier: Sequence[Course], group: Sequence[Candidate]
) -> dict[Candidate, Outcome]:
    return {candidate: objective.judge(candidate, earlier) for candidate in group}


def _judge_elsewhere(
    judge: Callable[[Sequence[Candidate]], dict[Candidate, Outcome]],
    cpus: int,
    mark: Path,
    work_dir: Path,
    group: Sequence[Candidate],
    beat: Beat | None = None,  # noqa: ARG001 - of a process
) -> dict[Candidate, Outcome]:
    """In a process that has computed nothing; paths in the recipe start from `work_dir`."""
    check_seen(mark)
    with suppress(FileNotFoundError):
        os.chdir(work_dir)
    if cpus:
        limit_threads(cpus)
    return judge(group)
