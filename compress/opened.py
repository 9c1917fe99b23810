"""A model file of any kind, opened on one thread: to score crops with it, and to time it.

Variants and peers differ in format, input type and quantised outputs; what is here feeds them all
the same uint8 crops. It is no device runtime: `edge.runtimes` holds those.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import TensorSpec
from edge.contract.types import F32Array, U8Array
from edge.runtimes.chunks import dequantise

CHUNK = 32


class Opened(ABC):
    """One opened file. Not for several threads."""

    @abstractmethod
    def prepare(self, crops: U8Array, scale: float) -> np.ndarray:
        """(N,S,S,3) uint8 RGB as this file's input wants them; `scale` makes them float."""

    @abstractmethod
    def invoke(self, prepared: np.ndarray) -> list[np.ndarray]:
        """All raw outputs of one batch of prepared crops; what is timed."""

    @abstractmethod
    def read_score(self, outputs: list[np.ndarray]) -> F32Array:
        """The score among the outputs, (N,K) float32, dequantised."""

    def score(self, crops: U8Array, scale: float) -> F32Array:
        """Scores (N,K) float32 of any number of crops, N > 0."""
        parts = []
        for at in range(0, len(crops), CHUNK):
            prepared = self.prepare(crops[at : at + CHUNK], scale)
            parts.append(self.read_score(self.invoke(prepared)))
        return np.concatenate(parts)


def open_model(format: str, content: bytes, name: str) -> Opened:
    """Opens a file's content on one thread.

    Args:
        format: "tflite" or "onnx".
        name: what a message calls it.

    Raises:
        ConfigError: another format.
        DataError: the runtime refuses it, or it has not one input and one score.
    """
    if format not in _OPENERS:
        raise ConfigError(f"{name} is of format {format!r}; known: {', '.join(sorted(_OPENERS))}")
    return _OPENERS[format](content, name)


class TfliteModel(Opened):
    """Under ai-edge-litert's interpreter; one for each batch size that is met."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content, self._name = content, name
        self._by_size: dict[int, tuple[Any, int, list[int]]] = {}
        interpreter, _, _ = self._sized(1)
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._score = _only_score(name, inputs, [len(output["shape"]) for output in outputs])
        self._input, self._output = _spec(inputs[0]), _spec(outputs[self._score])

    def prepare(self, crops: U8Array, scale: float) -> np.ndarray:
        """See `Opened.prepare`."""
        return quantise(crops, scale, self._input)

    def invoke(self, prepared: np.ndarray) -> list[np.ndarray]:
        """See `Opened.invoke`."""
        interpreter, image, outputs = self._by_size.get(len(prepared)) or self._sized(len(prepared))
        interpreter.set_tensor(image, prepared)
        interpreter.invoke()
        return [interpreter.get_tensor(output) for output in outputs]

    def read_score(self, outputs: list[np.ndarray]) -> F32Array:
        """See `Opened.read_score`."""
        return dequantise(outputs[self._score], self._output)

    def _sized(self, batch_size: int) -> tuple[Any, int, list[int]]:
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(model_content=self._content, num_threads=1)
            image = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(image["index"], [batch_size, *image["shape"][1:]])
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError, IndexError) as error:
            raise DataError(
                f"{self._name} cannot be opened with batches of {batch_size}: {error}"
            ) from error
        outputs = [output["index"] for output in interpreter.get_output_details()]
        self._by_size[batch_size] = (interpreter, image["index"], outputs)
        return self._by_size[batch_size]


class OnnxModel(Opened):
    """Under ONNX Runtime's CPU execution provider."""

    def __init__(self, content: bytes, name: str) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # onnxruntime's errors share no base class that it makes public.
            raise DataError(f"{name} cannot be opened: {error}") from error
        self._session, inputs = session, session.get_inputs()
        self._score = _only_score(name, inputs, [len(out.shape) for out in session.get_outputs()])
        self._image = inputs[0].name
        self._uint8 = inputs[0].type == "tensor(uint8)"

    def prepare(self, crops: U8Array, scale: float) -> np.ndarray:
        """See `Opened.prepare`."""
        return crops if self._uint8 else np.asarray(crops.astype(np.float32) * scale, np.float32)

    def invoke(self, prepared: np.ndarray) -> list[np.ndarray]:
        """See `Opened.invoke`."""
        return list(self._session.run(None, {self._image: prepared}))

    def read_score(self, outputs: list[np.ndarray]) -> F32Array:
        """See `Opened.read_score`."""
        return np.asarray(outputs[self._score], np.float32)


_OPENERS: dict[str, type[TfliteModel] | type[OnnxModel]] = {
    "tflite": TfliteModel,
    "onnx": OnnxModel,
}


def quantise(crops: U8Array, scale: float, spec: TensorSpec) -> np.ndarray:
    """uint8 crops as an input of `spec`; a uint8 input that is scaled inside takes them as is."""
    kind = np.dtype(spec.dtype)
    if spec.scale is None or spec.zero_point is None:
        return crops if kind == np.uint8 else np.asarray(crops.astype(np.float32) * scale, kind)
    if kind == np.uint8 and not spec.zero_point and np.isclose(spec.scale, scale, rtol=1e-3):
        return crops
    limits = np.iinfo(kind)
    steps = np.round(crops.astype(np.float64) * (scale / spec.scale)) + spec.zero_point
    return np.asarray(np.clip(steps, limits.min, limits.max), kind)


def _only_score(name: str, inputs: Any, ranks: list[int]) -> int:
    """Which output is the score: the only one of shape (N,K)."""
    if len(inputs) != 1 or ranks.count(2) != 1:
        raise DataError(
            f"{name} has {len(inputs)} inputs and outputs of ranks {ranks}; expected one image and "
            "one score (N,K), maps beside it"
        )
    return ranks.index(2)


def _spec(detail: Any) -> TensorSpec:
    scale, zero = detail["quantization"]
    return TensorSpec(
        detail["name"],
        tuple(int(side) for side in detail["shape"]),
        np.dtype(detail["dtype"]).name,
        0,
        float(scale) if scale else None,
        int(zero) if scale else None,
    )
