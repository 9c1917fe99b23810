"""The manifest of a bundle: what it is, what its files are, how it was chosen and how well it does.

Frozen dataclasses to and from JSON. An unknown key, a wrong type or another schema version is
refused: a device must not guess what a newer workstation meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge.contract.errors import ManifestError, SchemaVersionError
from edge.contract.labels import TASKS
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain, to_plain

SCHEMA_VERSION = 1
ROLES = ("classifier", "stages", "novelty", "enhancer")
FORMATS = ("tflite", "onnx")


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    Attributes:
        name: "image" for the input, "logit" or "cam" for outputs.
        shape: with -1 for the batch.
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
        rate: between 0 and 1.
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


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that the device knows of a bundle.

    Attributes:
        labels: in the order of the logits; of two, the network gives the positive one's logit.
        positive_label: of two labels, the one whose probability the score is; else None.
        files: sha256 of every other file of the bundle (golden tensors, model card).
        operating_point: of two labels, for single pictures, where both are common; else None.
        field_operating_point: for the cells of a field, where infected ones are few and false
            alarms decide how low a parasitaemia can be told from none (ADR 5); None where the
            bundle does not read fields.
    """

    schema_version: int
    bundle_id: str
    version: int
    created_utc: str
    source_revision: str
    intended_use: str
    limitations: tuple[str, ...]
    task: str
    labels: tuple[str, ...]
    positive_label: str | None = None
    score_meaning: str
    weights: tuple[Weights, ...]
    preprocessing: Preprocessing
    operating_point: OperatingPoint | None = None
    field_operating_point: OperatingPoint | None = None
    score_calibration: ScoreCalibration
    novelty_threshold: float | None
    evaluation: tuple[Evaluation, ...]
    representative_set: RepresentativeSet
    golden: Golden
    parity: Parity
    files: dict[str, str]

    def __post_init__(self) -> None:
        _check_one_of("task", self.task, TASKS)
        if not self.weights:
            raise ManifestError("weights is empty; a bundle needs at least one network")
        for weights in self.weights:
            _check_one_of("weights.role", weights.role, ROLES)
            _check_one_of("weights.format", weights.format, FORMATS)
        self._check_labels()
        for point in (self.operating_point, self.field_operating_point):
            if point and not 0 < point.threshold < 1:
                raise ManifestError(
                    f"operating point's threshold is {point.threshold}; between 0 and 1"
                )

    def _check_labels(self) -> None:
        count = len(self.labels)
        if count < 2 or len(set(self.labels)) < count:
            raise ManifestError(f"labels is {self.labels}; a bundle needs two or more, each once")
        if count == 2 and self.positive_label not in self.labels:
            raise ManifestError(
                f"positive_label is {self.positive_label!r}; it must be one of {self.labels}"
            )
        if count == 2 and self.operating_point is None:
            raise ManifestError("operating_point is missing; two labels need one")
        for name in ("positive_label", "operating_point", "field_operating_point"):
            if count > 2 and getattr(self, name) is not None:
                raise ManifestError(f"{name} is given, but {count} labels have none; leave it out")
        n_logits = 1 if count == 2 else count
        for weights in self.weights:
            found = weights.output("logit").shape[-1] if weights.role == "classifier" else n_logits
            if found != n_logits:
                raise ManifestError(
                    f"weights {weights.file} give {found} logits; {count} labels need {n_logits}"
                )

    def weights_for(self, role: str, format_: str) -> Weights:
        """The weights of a role and format. Raises ManifestError where there are none."""
        for weights in self.weights:
            if (weights.role, weights.format) == (role, format_):
                return weights
        raise ManifestError(f"bundle {self.bundle_id} has no {format_} weights for {role!r}")


def _check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ManifestError(f"{name} is {value!r}; known: {', '.join(known)}")


def parse_manifest(text: str | bytes) -> Manifest:
    """Reads manifest.json.

    Raises:
        SchemaVersionError: written for another schema version.
        ManifestError: not JSON, or not a manifest of this version.
    """
    try:
        content: Any = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"manifest.json is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"manifest.json holds a {type(content).__name__}; expected an object")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"manifest has schema version {version!r}, this program reads {SCHEMA_VERSION}; "
            "update the program, or pack the bundle again"
        )
    return from_plain(Manifest, content, "manifest")


def format_manifest(manifest: Manifest) -> str:
    """The text of manifest.json; the same manifest gives the same bytes."""
    content = to_plain(manifest)
    # Devices from before these keys refuse what they do not know; unused, they need not.
    for holder, name, unused in (
        (content, "positive_label", None),
        (content, "operating_point", None),
        (content, "field_operating_point", None),
        (content["preprocessing"], "contrast", "none"),
        (content["preprocessing"], "trim", 0.0),
        (content["parity"], "runtimes", []),
    ):
        if holder[name] == unused:
            del holder[name]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
