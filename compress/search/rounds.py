"""A round of a search: its candidates, drawn together and judged at once.

Both depend on the finished trials of earlier rounds alone, so a round comes out the same whatever
judges it, in whatever order, and however often it was begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from compress.search.early import Course
from compress.search.objective import Objective, Outcome
from compress.search.space import Candidate, Drawn, Space
from compress.search.storage import DIRECTIONS
from edge.engine import Engine
from train.shared_folder import SharedFolder

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
    """Who judges: an engine, what a candidate is worth, and where its fits lie."""

    engine: Engine
    objective: Objective
    folder: SharedFolder

    def judge(
        self, candidates: Sequence[Candidate], earlier: Sequence[Course]
    ) -> dict[Candidate, Outcome]:
        """Judges candidates that differ; those that share a fit one after the other.

        Args:
            earlier: how trials of earlier rounds went.

        Raises:
            DataError: see `Objective.judge`.
            ConfigError: a worker does not see the folder.
        """
        groups: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(self.objective.shares(candidate), []).append(candidate)
        task = partial(_judge_group, self.objective, self.folder, tuple(earlier))
        found: dict[Candidate, Outcome] = {}
        for done in self.engine.run(task, list(groups.values())):
            found |= done.result()
        return found


def _judge_group(
    objective: Objective,
    folder: SharedFolder,
    earlier: Sequence[Course],
    group: Sequence[Candidate],
) -> dict[Candidate, Outcome]:
    folder.check()
    return {candidate: objective.judge(candidate, earlier) for candidate in group}
