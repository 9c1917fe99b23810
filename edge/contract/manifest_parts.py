"""The parts of a manifest: frozen dataclasses, each a section of manifest.json.

`manifest` puts them together and checks that they fit each other; here each checks itself alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.contract.errors import ManifestError


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    Attributes:
        name: "image" for the input, "logit" or "cam" for outputs.
        shape: with -1 for the batch, and for sides that may be any.
        scale: of the quantisation; None for float.
        zero_point: of the quantisation; None for float.
        index: position among the file's inputs or outputs.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    index: int
    scale: float | None = None
    zero_point: int | None = None

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether an array of that shape can be this tensor."""
        return len(shape) == len(self.shape) and all(
            named in (int(side), -1) for side, named in zip(shape, self.shape, strict=True)
        )


@dataclass(frozen=True)
class Weights:
    """One weights file. `parent` is the sha256 of the float weights that it was made from."""

    role: str
    format: str
    file: str
    sha256: str
    bytes: int
    parent: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def output(self, name: str) -> TensorSpec:
        """The output of that name. Raises ManifestError where there is none."""
        for tensor in self.outputs:
            if tensor.name == name:
                return tensor
        raise ManifestError(f"weights {self.file} have no output {name!r}")


@dataclass(frozen=True)
class ErrorRate:
    """A rate of the classifier per cell, and how much it is worth.

    Attributes:
        rate: of a new patient, between 0 and 1.
        n_cells: cells that it was measured on.
        n_patients: patients that they came from.
        n_effective: cells that would give the same spread if cells, not patients, varied.
    """

    rate: float
    n_cells: int
    n_patients: int
    n_effective: float


@dataclass(frozen=True)
class OperatingPoint:
    """The threshold on the INT8 model's score, and why; there are two labels.

    Attributes:
        threshold: a score at or above it is called positive.
        chosen_on: data set and part.
        rule: in words.
        target_sensitivity: what was asked for, per cell.
    """

    threshold: float
    chosen_on: str
    rule: str
    target_sensitivity: float
    sensitivity_cell: ErrorRate
    specificity_cell: ErrorRate


@dataclass(frozen=True)
class ScoreCalibration:
    """score = sigmoid((logit + offset) / temperature); of several labels, the largest of
    softmax(logit / temperature), where an offset would change nothing.
    """

    temperature: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Metric:
    """A figure with its 95 % interval by bootstrap over patients."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Evaluation:
    """How well the INT8 model does on data it was neither fitted nor tuned on.

    Attributes:
        labels: "raw", or what was changed.
        command: what makes these figures again.
    """

    dataset: str
    role: str
    labels: str
    n_patients: int
    n_slides: int
    n_cells: int
    metrics: dict[str, Metric]
    command: str


@dataclass(frozen=True)
class RepresentativeSet:
    """The cells that set the quantisation ranges, from training patients alone."""

    ids_sha256: str
    count_per_class: dict[str, int]


@dataclass(frozen=True)
class RuntimeParity:
    """Agreement of one runtime on one weights file with the float parent, on the same cells.

    Attributes:
        runtime: its name in `edge.runtimes.base.RUNTIMES`.
        format: of the weights that it ran.
        logit_max_abs_difference: over all cells and labels.
    """

    runtime: str
    format: str
    n_cells: int
    logit_max_abs_difference: float
    calls_agree_fraction: float


@dataclass(frozen=True)
class Parity:
    """Agreement of the INT8 model with its float parent on the same cells.

    Attributes:
        auc_float: of several labels, the mean over labels of one against the rest; so is auc_int8.
        logit_mean_abs_difference: over all cells and labels.
        runtimes: each runtime apart; empty where only the first was measured.
    """

    n_cells: int
    auc_float: float
    auc_int8: float
    accuracy_float: float
    accuracy_int8: float
    logit_mean_abs_difference: float
    calls_agree_fraction: float
    runtimes: tuple[RuntimeParity, ...] = ()


@dataclass(frozen=True)
class Golden:
    """Stored tensors and how far a runtime may be from each, in logits."""

    input_file: str
    outputs: dict[str, str]
    tolerances: dict[str, float]

    def __post_init__(self) -> None:
        if self.outputs.keys() != self.tolerances.keys():
            raise ManifestError(
                f"golden has outputs {sorted(self.outputs)} but tolerances for "
                f"{sorted(self.tolerances)}"
            )


@dataclass(frozen=True)
class Novelty:
    """How the novelty network's two outputs are read, why so, and how often that is wrong.

    The first logit says that something is in the cell that healthy cells have not, the second that
    the crop is no red cell at all; scores are their sigmoids. The threshold of the first is the
    manifest's `novelty_threshold`.

    Attributes:
        foreign_threshold: a foreign score at or above it: no red cell.
        most_foreign_share: of a field's red-cell candidates; with more, it is no blood smear.
        chosen_on: data set and part.
        rule: in words.
        target_false_alarm: share of healthy cells at or above `novelty_threshold` that was asked
            for.
        false_alarm: the share measured.
        false_refusal: share of red cells at or above `foreign_threshold`.
        golden: of its own outputs; its input file may be the classifier's.
        representative_set: cells that set this network's quantisation ranges.
        parity: of the novelty logit.
        field_median: median novelty logit of healthy cells. Where given, the logits of a field are
            shifted so that its own median agrees; None leaves them.
    """

    foreign_threshold: float
    most_foreign_share: float
    chosen_on: str
    rule: str
    target_false_alarm: float
    false_alarm: ErrorRate
    false_refusal: ErrorRate
    golden: Golden
    representative_set: RepresentativeSet
    parity: Parity
    field_median: float | None = None

    def __post_init__(self) -> None:
        for name in ("foreign_threshold", "most_foreign_share", "target_false_alarm"):
            if not 0 < getattr(self, name) < 1:
                raise ManifestError(f"novelty.{name} is {getattr(self, name)}; between 0 and 1")
        if self.field_median is not None and not math.isfinite(self.field_median):
            raise ManifestError(f"novelty.field_median is {self.field_median}; a finite logit")
