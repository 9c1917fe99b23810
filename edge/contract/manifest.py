"""The manifest of a bundle: what it is, what its files are, how it was chosen and how well it does.

Frozen dataclasses; their JSON is in `manifest_json`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from edge.contract.errors import ManifestError
from edge.contract.labels import MALARIA_SUPERRES, TASKS
from edge.contract.manifest_corrections import CorrectedBundle, Corrections, CorrectionsExport
from edge.contract.manifest_enhancer import (
    ENLARGED,
    RESIDUAL,
    Enhancer,
    EnhancerParity,
    EnhancerRuntimeParity,
)
from edge.contract.manifest_finder import GRID, Finder, FinderParity, FinderRuntimeParity
from edge.contract.manifest_parts import (
    ErrorRate,
    Evaluation,
    Golden,
    Metric,
    Novelty,
    OperatingPoint,
    Parity,
    RepresentativeSet,
    RuntimeParity,
    ScoreCalibration,
    TensorSpec,
    Weights,
)
from edge.contract.preprocess import Preprocessing
from edge.contract.reference import LogitReference

__all__ = [
    "ENLARGED",
    "FORMATS",
    "GRID",
    "NOVELTY_LOGITS",
    "OF_LABELS",
    "RESIDUAL",
    "ROLES",
    "SCHEMA_VERSION",
    "CorrectedBundle",
    "Corrections",
    "CorrectionsExport",
    "Enhancer",
    "EnhancerParity",
    "EnhancerRuntimeParity",
    "ErrorRate",
    "Evaluation",
    "Finder",
    "FinderParity",
    "FinderRuntimeParity",
    "Golden",
    "LogitReference",
    "Manifest",
    "Metric",
    "Novelty",
    "OperatingPoint",
    "Parity",
    "RepresentativeSet",
    "RuntimeParity",
    "ScoreCalibration",
    "TensorSpec",
    "Weights",
]

SCHEMA_VERSION = 1
ROLES = ("classifier", "stages", "novelty", "enhancer", "finder")
# The last is a TFLite file that was compiled for Coral's Edge TPU.
FORMATS = ("tflite", "onnx", "edgetpu")
# Along the last axis of its `logit` and `cam`: novelty, foreign.
NOVELTY_LOGITS = 2
# Every bundle with labels says the first; an enhancer, which calls nothing, says none of them.
OF_LABELS = ("labels", "score_meaning", "score_calibration", "novelty_threshold", "parity")
_OF_CALLS = (
    *OF_LABELS, "positive_label", "operating_point", "field_operating_point", "novelty",
    "finder", "logit_reference", "corrections",
)  # fmt: skip
_UNCALIBRATED = ScoreCalibration()


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
        novelty_threshold: a novelty score at or above it: something that healthy cells have not.
            It, `novelty` and weights of role "novelty" come together or not at all.
        logit_reference: where the logits of a field's cells lie at home; None of a bundle that does
            not say, which then asks about no cell and takes no site check.
        finder: finds the cells of a field; with weights of role "finder" or not at all. Without it
            the device finds them without a network.
        enhancer: of a bundle that makes pictures larger and has no labels, points, calibration or
            parity of its own; else None.
        corrections: that its networks learned from, one entry a network that did.
    """

    schema_version: int
    bundle_id: str
    version: int
    created_utc: str
    source_revision: str
    intended_use: str
    limitations: tuple[str, ...]
    task: str
    labels: tuple[str, ...] = ()
    positive_label: str | None = None
    score_meaning: str = ""
    weights: tuple[Weights, ...]
    preprocessing: Preprocessing
    operating_point: OperatingPoint | None = None
    field_operating_point: OperatingPoint | None = None
    score_calibration: ScoreCalibration = _UNCALIBRATED
    novelty_threshold: float | None = None
    novelty: Novelty | None = None
    finder: Finder | None = None
    logit_reference: LogitReference | None = None
    enhancer: Enhancer | None = None
    corrections: tuple[Corrections, ...] = ()
    evaluation: tuple[Evaluation, ...]
    representative_set: RepresentativeSet
    golden: Golden
    parity: Parity | None = None
    files: dict[str, str]

    def __post_init__(self) -> None:
        _check_one_of("task", self.task, TASKS)
        if not self.weights:
            raise ManifestError("weights is empty; a bundle needs at least one network")
        for weights in self.weights:
            _check_one_of("weights.role", weights.role, ROLES)
            _check_one_of("weights.format", weights.format, FORMATS)
        if self.enhancer:
            self._check_enhancer(self.enhancer)
            return
        self._check_not_enhancer()
        self._check_labels()
        self._check_novelty()
        self._check_finder()
        self._check_corrections()
        if self.logit_reference and self.field_operating_point is None:
            raise ManifestError("logit_reference is given without a field_operating_point")
        if self.logit_reference and self.logit_reference.novelty_weight and not self.novelty:
            raise ManifestError("logit_reference.novelty_weight is given without a novelty network")
        for point in (self.operating_point, self.field_operating_point):
            if point and not 0 < point.threshold < 1:
                raise ManifestError(
                    f"operating point's threshold is {point.threshold}; between 0 and 1"
                )

    def _check_enhancer(self, enhancer: Enhancer) -> None:
        if self.task != MALARIA_SUPERRES:
            raise ManifestError(f"task is {self.task!r}; an enhancer's is {MALARIA_SUPERRES!r}")
        for item in fields(self):
            if item.name in _OF_CALLS and getattr(self, item.name) != item.default:
                raise ManifestError(
                    f"{item.name} is given, but an enhancer calls nothing; leave it out"
                )
        for weights in self.weights:
            enhancer.check_weights(weights)
        enhancer.check_preprocessing(self.preprocessing)
        if self.golden.outputs.keys() != {"image"}:
            raise ManifestError(
                f"golden has outputs {sorted(self.golden.outputs)}; an enhancer has 'image' alone"
            )

    def _check_not_enhancer(self) -> None:
        if self.task == MALARIA_SUPERRES:
            raise ManifestError(f"enhancer is missing; a bundle for {self.task!r} needs one")
        for weights in self.weights:
            if weights.role == "enhancer":
                raise ManifestError(
                    f"weights {weights.file} are of role 'enhancer'; a bundle has an enhancer or "
                    "labels, never both"
                )
        for name in ("score_meaning", "parity"):
            if not getattr(self, name):
                raise ManifestError(f"{name} is missing; a bundle with labels needs it")

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

    def _check_novelty(self) -> None:
        networks = [weights for weights in self.weights if weights.role == "novelty"]
        given = {
            'weights of role "novelty"': bool(networks),
            "novelty": self.novelty is not None,
            "novelty_threshold": self.novelty_threshold is not None,
        }
        missing = [name for name, is_there in given.items() if not is_there]
        if 0 < len(missing) < len(given):
            raise ManifestError(f"{' and '.join(missing)} missing; {', '.join(given)} go together")
        if self.novelty_threshold is not None and not 0 < self.novelty_threshold < 1:
            raise ManifestError(f"novelty_threshold is {self.novelty_threshold}; between 0 and 1")
        for weights in networks:
            for name in ("logit", "cam"):
                found = weights.output(name).shape[-1]
                if found != NOVELTY_LOGITS:
                    raise ManifestError(
                        f"weights {weights.file} give {found} channels of {name!r}; a novelty "
                        f"network gives {NOVELTY_LOGITS}: novelty, foreign"
                    )

    def _check_finder(self) -> None:
        networks = [weights for weights in self.weights if weights.role == "finder"]
        if bool(networks) != (self.finder is not None):
            missing = "finder" if networks else 'weights of role "finder"'
            raise ManifestError(
                f'{missing} missing; finder and weights of role "finder" go together'
            )
        if self.finder:
            for weights in networks:
                self.finder.check_weights(weights)

    def _check_corrections(self) -> None:
        learned = [one.role for one in self.corrections]
        roles = {weights.role for weights in self.weights}
        if len(set(learned)) < len(learned) or set(learned) - roles:
            raise ManifestError(
                f"corrections are of roles {learned}; each once at most, of {sorted(roles)}"
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
