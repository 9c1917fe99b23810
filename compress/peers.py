"""Peers: models that a user would take instead, scored with their own preprocessing.

They are optional and stay in a folder of their own; `peers.toml` says what is known of each.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compress.opened import Opened, open_model
from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain
from edge.contract.types import F32Array, U8Array
from train.datasets.base import Example, load_crops
from train.scores import Scores

PEERS_FILE = Path(__file__).parent / "peers.toml"
# What a float32 probability cannot tell from 0 becomes this, so that its logit is finite.
_LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class PeerSpec:
    """One row of peers.toml.

    Attributes:
        file: below the folder of peers.
        positive: "column 0" or "column 1" of a softmax, "score" for P(positive label) alone, or
            "1 - score" for P(negative label) alone.
    """

    name: str
    task: str
    file: str
    size_px: int
    positive: str
    note: str = ""

    @property
    def preprocessing(self) -> Preprocessing:
        """RGB / 255, padded to a square, background black."""
        return Preprocessing(self.size_px)


@dataclass(frozen=True)
class PeerList:
    """All rows."""

    peer: tuple[PeerSpec, ...]


@dataclass(frozen=True, eq=False)
class Peer:
    """A peer that is at hand."""

    spec: PeerSpec
    content: bytes
    opened: Opened

    def logits(self, crops: U8Array) -> F32Array:
        """(N,) logits of the positive label, from (N,S,S,3) uint8 RGB of the peer's size.

        Raises:
            DataError: its output has another number of columns than `positive` says.
        """
        values = self.opened.score(crops, self.spec.preprocessing.scale).astype(np.float64)
        softmax = self.spec.positive.startswith("column")
        if values.shape[1] != 1 + softmax:
            raise DataError(
                f"peer {self.spec.name} gives {values.shape[1]} values a crop, which does not go "
                f"with positive = {self.spec.positive!r}"
            )
        return np.asarray(_LOGITS[self.spec.positive](values), np.float32)

    def score(self, examples: Sequence[Example], cache: Path | None = None) -> Scores:
        """Scores of examples, prepared as the peer wants them."""
        return Scores.of(
            examples, self.logits(load_crops(examples, self.spec.preprocessing, cache))
        )


def _log_ratio(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(positive, _LEAST)) - np.log(np.maximum(negative, _LEAST)))


_LOGITS = {
    "column 0": lambda values: _log_ratio(values[:, 0], values[:, 1]),
    "column 1": lambda values: _log_ratio(values[:, 1], values[:, 0]),
    "score": lambda values: _log_ratio(values[:, 0], 1 - values[:, 0]),
    "1 - score": lambda values: _log_ratio(1 - values[:, 0], values[:, 0]),
}


def open_peers(folder: Path, task: str, specs: Path = PEERS_FILE) -> tuple[Peer, ...]:
    """The peers of a task, in the order of the list; none where the list has none.

    Raises:
        ConfigError: the list is no such TOML, or the folder lacks a peer's file.
        DataError: a file cannot be opened.
    """
    found = []
    for spec in read_specs(specs):
        if spec.task == task:
            path = folder / spec.file
            if not path.is_file():
                raise ConfigError(f"{path} is missing: the folder of peers needs {spec.name}")
            content = path.read_bytes()
            found.append(Peer(spec, content, open_model("tflite", content, f"peer {spec.name}")))
    return tuple(found)


def read_specs(path: Path = PEERS_FILE) -> tuple[PeerSpec, ...]:
    """The rows of the list. Raises ConfigError: not TOML, unknown keys or an unknown output."""
    try:
        specs = from_plain(PeerList, tomllib.loads(path.read_text("utf-8")), path.name).peer
    except (OSError, tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error
    for spec in specs:
        if spec.positive not in _LOGITS:
            raise ConfigError(
                f"{path}: peer {spec.name} has positive = {spec.positive!r}; known: "
                f"{', '.join(_LOGITS)}"
            )
    return specs
