"""Settings of the study of super-resolution, and its schemes: which pictures a fit sees.

All fits of a network see the same cells for the same number of steps; only the pictures differ.
Schemes that leak are in `train.superres.leaks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.contract.errors import ConfigError
from train.recipe_parts import FitSpec
from train.splits import BY_PATIENT
from train.superres.arms import (
    ARMS,
    AS_JPEG,
    BICUBIC,
    COPIES,
    DOUBLED,
    DOWNSAMPLED,
    INNATE,
    LEAKING,
    ORIGINAL,
    SUPER,
    Draw,
)

SPLITS = (BY_PATIENT, LEAKING)
# Settings of source B; of its ten epochs, as many as the budget gives.
SOURCE_FIT = FitSpec(
    epochs=5, batch_size=32, learning_rate=1e-3, optimiser="adam", schedule="step",
    step_epochs=5, factor=0.5,
)  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """What each fit of one network may take; all arms and splits have the same.

    Attributes:
        cells: to fit on, of those that are drawn.
        epochs: over them.
        seeds: fits of each kind, which differ in starting weights and order alone.
    """

    cells: int = 4000
    epochs: int = 5
    seeds: int = 1

    def __post_init__(self) -> None:
        if min(self.cells, self.epochs, self.seeds) < 1:
            raise ConfigError(f"budget is {self}; at least 1 each")


@dataclass(frozen=True)
class StudySpec:
    """Everything that decides the study, besides the data and the enhancer.

    Attributes:
        draw: which cells.
        fit: batch size, learning rate and its schedule; epochs are the budget's.
        budgets: of each network, in the order in which they are fitted.
        leaking: networks that leaks are shown with.
    """

    draw: Draw = field(default_factory=Draw)
    fit: FitSpec = SOURCE_FIT
    budgets: Mapping[str, Budget] = field(
        default_factory=lambda: {
            "malaria_cnn": Budget(seeds=3),
            "shufflenet_v2": Budget(),
            "dual_attention": Budget(),
            "regnet": Budget(epochs=15),
            "resnet18": Budget(cells=2000),
        }
    )
    leaking: tuple[str, ...] = ("malaria_cnn", "shufflenet_v2")

    def __post_init__(self) -> None:
        for network in self.leaking:
            self.budget(network)

    def budget(self, network: str) -> Budget:
        """Raises ConfigError for a network that is not of the study."""
        if network not in self.budgets:
            raise ConfigError(f"network is {network!r}; of the study: {', '.join(self.budgets)}")
        return self.budgets[network]


# One network on cells of about their own size.
NATIVE = StudySpec(Draw(high_px=128), budgets={"malaria_cnn": Budget()}, leaking=())


@dataclass(frozen=True)
class View:
    """What a fitted network is tested on.

    Attributes:
        forms: of the uninfected and of the parasitised cells.
        part: "test", or "train": its own training cells.
    """

    forms: tuple[str, str]
    part: str = "test"


@dataclass(frozen=True)
class Scheme:
    """How the pictures of a fit are made, and what it is tested on.

    Attributes:
        name: of the scheme.
        forms: that the uninfected and the parasitised training cells are in.
        views: by name; the first is the one that a source would report.
        copies: whether copies of the cells are made before they are split.
        splits: in which it means something.
    """

    name: str
    forms: tuple[str, str]
    views: Mapping[str, View]
    copies: bool = False
    splits: tuple[str, ...] = SPLITS

    @property
    def enhancers(self) -> set[str]:
        """Forms that some network must make."""
        forms = {*self.forms, *(form for view in self.views.values() for form in view.forms)}
        return {SUPER if form == AS_JPEG else form for form in forms} - set(INNATE)

    def split(self, split: str) -> str:
        """The split that its cells come from."""
        return COPIES + split if self.copies else split


def alike(form: str) -> tuple[str, str]:
    """Both classes in one form."""
    return form, form


def arm_schemes() -> list[Scheme]:
    """An arm each; what was fitted on good pictures is shown all the others, too.

    A network of 48 px is shown the cells of 24 px with every pixel doubled.
    """
    shown = {ORIGINAL: ORIGINAL, DOWNSAMPLED: DOUBLED, BICUBIC: BICUBIC, SUPER: SUPER}
    views = {arm: {arm: View(alike(arm))} for arm in ARMS}
    views[ORIGINAL] = {arm: View(alike(form)) for arm, form in shown.items()}
    return [Scheme(arm, alike(arm), views[arm]) for arm in ARMS]
