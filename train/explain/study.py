"""One run explained: examples picked, maps made and tested, embedding laid out, page written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array
from train.explain.embedding import FEWEST, LAYOUTS, layout, neighbour_agreement
from train.explain.evidence import Evidence, gather
from train.explain.examples import Picked, pick
from train.explain.faithfulness import Curves, random_curves
from train.explain.methods import chosen
from train.explain.network import Network
from train.explain.run_folder import HeldOut, held_out, open_network
from train.recipe import Recipe

_MOST_EMBEDDED = 600


@dataclass(frozen=True)
class Settings:
    """What the user chooses.

    Attributes:
        n_examples: how many examples get maps; at least 3.
        methods: keys of METHODS; none is all that the network allows.
        embeddings: keys of LAYOUTS.
        baseline: of `train.explain.baseline.BASELINES`.
    """

    n_examples: int = 24
    methods: Sequence[str] = ()
    embeddings: Sequence[str] = tuple(LAYOUTS)
    baseline: str = "blurred"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 3 <= self.n_examples <= 200:
            raise ConfigError(f"--examples is {self.n_examples}; 3 to 200 are allowed")
        unknown = sorted(set(self.embeddings) - set(LAYOUTS))
        if unknown:
            raise ConfigError(f"embeddings {unknown} are unknown; known: {', '.join(LAYOUTS)}")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Layouts of held-out examples.

    Attributes:
        rows: (n,) indices into the held-out examples.
        places: (n,2) by layout.
        agreement: share of nearest neighbours of the same class.
        expected: the same if neighbours were drawn at random.
    """

    rows: np.ndarray
    places: dict[str, F32Array]
    agreement: float
    expected: float


@dataclass(frozen=True, eq=False)
class Study:
    """All that the page shows."""

    run_dir: Path
    recipe: Recipe
    settings: Settings
    network: Network
    held_out: HeldOut
    picked: Picked
    evidence: dict[str, Evidence]
    random: Curves
    # Of the examples' baselines, (N,): P(called class), and logit(image) - logit(baseline).
    baseline_probability: F32Array
    logit_gap: F32Array
    embedding: Embedding | None

    @property
    def targets(self) -> np.ndarray:
        """(N,) the class that each map explains: the called one."""
        return self.held_out.called[self.picked.rows]


def study(
    run_dir: Path,
    settings: Settings,
    *,
    data: Path | None = None,
    on_step: Callable[[str, int], None] = lambda _text, _total: None,
) -> Study:
    """Explains a fitted run.

    Args:
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        on_step: told the next step and how many there are in all.

    Raises:
        ConfigError: no run, no weights or weights of another network, an unknown method.
        DataError: the data set is not there or cannot be read.
    """
    recipe, network = open_network(run_dir, settings.baseline, settings.seed)
    methods = chosen(settings.methods, network)
    total = 2 * len(methods) + len(settings.embeddings) + 2

    def step(text: str) -> None:
        on_step(text, total)

    step("Held-out examples")
    found = held_out(run_dir, recipe, network, data, settings.seed)
    picked = pick(found, settings.n_examples, settings.seed)
    images, targets = found.images(picked.rows), found.called[picked.rows]
    evidence = gather(network, methods, images, targets, step)
    step("Random maps, for comparison")
    random = random_curves(network, images, targets)
    baselines = network.baseline.of(images)
    bare = network.probabilities(baselines)[np.arange(len(targets)), targets]
    apart = network.score(images, targets) - network.score(baselines, targets)
    embedding = _embed(network, found, settings, step)
    return Study(
        run_dir, recipe, settings, network, found, picked, evidence, random, bare, apart, embedding
    )


def _embed(
    network: Network, found: HeldOut, settings: Settings, step: Callable[[str], None]
) -> Embedding | None:
    n_examples = len(found.examples)
    if not settings.embeddings or n_examples < FEWEST:
        return None
    drawn = np.random.default_rng(settings.seed).permutation(n_examples)[:_MOST_EMBEDDED]
    rows, places = np.sort(drawn), {}
    features = np.concatenate(
        [
            network.embed(found.images(rows[at : at + network.batch]))
            for at in range(0, len(rows), network.batch)
        ]
    )
    for name in settings.embeddings:
        step(f"Embedding: {name}")
        places[name] = layout(name, features, settings.seed)
    truth = found.truth[rows]
    shares = np.bincount(truth) / len(truth)
    agreement = neighbour_agreement(features, truth)
    return Embedding(rows, places, agreement, float((shares**2).sum()))
