"""LiteRT on the CPU (XNNPACK): a pure core of array functions, and a thin adapter that feeds it."""

from __future__ import annotations

import threading
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
        self._interpreters: dict[int, Any] = {1: self._open(1)}
        height, width = weights.output("cam").shape[1:3]
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
            self._interpreters.clear()

    def _invoke(self, chunk: U8Array) -> Scores:
        interpreter = self._interpreters.get(len(chunk)) or self._open(len(chunk))
        self._interpreters[len(chunk)] = interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(inputs[0]["index"], chunk)
        interpreter.invoke()
        logit, cam = (
            dequantise(interpreter.get_tensor(outputs[spec.index]["index"]), spec)
            for spec in (self._weights.output("logit"), self._weights.output("cam"))
        )
        return Scores(logit.reshape(-1), cam.reshape(-1, *self._map_shape))

    def _open(self, batch_size: int) -> Any:
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
        return interpreter
