"""LiteRT on the CPU (XNNPACK): a pure core of array functions, and a thin adapter that feeds it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import TensorSpec, Weights
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime, Scores, empty_scores

# Batches save calls, not arithmetic: a field's cells go through in chunks, the rest one by one.
BATCH = 16


def dequantise(values: np.ndarray, spec: TensorSpec) -> F32Array:
    """Quantised values to float32; widened before the zero point is taken off."""
    if spec.scale is None or spec.zero_point is None:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.int32) - spec.zero_point) * spec.scale, np.float32)


@dataclass(frozen=True, eq=False)
class _Opened:
    """An interpreter of one batch size, and its tensors' indexes: asking each time costs 10 us."""

    interpreter: Any
    image: int
    logit: int
    cam: int


class LiteRTRuntime(Runtime):
    """The network under ai-edge-litert's interpreter.

    Raises:
        RuntimeUnavailableError: the library is absent, or refuses the model.
    """

    name = "litert"
    accelerator = "cpu-xnnpack"

    def __init__(self, model: bytes, weights: Weights, *, threads: int = 1) -> None:
        self.threads = threads
        self._model, self._weights = model, weights
        self._lock = threading.Lock()
        self._logit, self._cam = weights.output("logit"), weights.output("cam")
        self._opened: dict[int, _Opened] = {1: self._open(1)}
        height, width = self._cam.shape[1:3]
        self._map_shape = (height, width)

    def run(self, batch: U8Array) -> Scores:
        """See `Runtime.run`."""
        with self._lock:
            parts = []
            at = 0
            while at < len(batch):
                size = BATCH if len(batch) - at >= BATCH else 1
                parts.append(self._invoke(batch[at : at + size]))
                at += size
        if not parts:
            return empty_scores(self._map_shape)
        return Scores(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.cams for part in parts]),
        )

    def close(self) -> None:
        """Frees the interpreters."""
        with self._lock:
            self._opened.clear()

    def _invoke(self, chunk: U8Array) -> Scores:
        opened = self._opened.get(len(chunk)) or self._open(len(chunk))
        self._opened[len(chunk)] = opened
        opened.interpreter.set_tensor(opened.image, chunk)
        opened.interpreter.invoke()
        logit = dequantise(opened.interpreter.get_tensor(opened.logit), self._logit)
        cam = dequantise(opened.interpreter.get_tensor(opened.cam), self._cam)
        return Scores(logit.reshape(-1), cam.reshape(-1, *self._map_shape))

    def _open(self, batch_size: int) -> _Opened:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"LiteRT is not installed ({error}); pip install ai-edge-litert"
            ) from error
        try:
            interpreter = Interpreter(model_content=self._model, num_threads=self.threads)
            spec = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(spec["index"], [batch_size, *spec["shape"][1:]])
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise RuntimeUnavailableError(
                f"LiteRT refuses {self._weights.file}: {error}; pack the bundle again"
            ) from error
        outputs = interpreter.get_output_details()
        return _Opened(
            interpreter,
            spec["index"],
            outputs[self._logit.index]["index"],
            outputs[self._cam.index]["index"],
        )
