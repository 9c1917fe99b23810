"""What all runtimes share: cells in chunks behind a lock, and raw outputs to scores."""

from __future__ import annotations

import threading
from abc import abstractmethod

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import TensorSpec, Weights
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime, Scores

# Batches save calls, not arithmetic, and memory must not grow with the number of cells.
BATCH = 16


def dequantise(values: np.ndarray, spec: TensorSpec) -> F32Array:
    """Quantised values to float32; widened before the zero point is taken off."""
    if spec.scale is None or spec.zero_point is None:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.int32) - spec.zero_point) * spec.scale, np.float32)


def chunk_sizes(count: int, *, any_size: bool) -> list[int]:
    """Sizes of the chunks that `count` cells go through in: BATCH each, then the rest.

    Args:
        any_size: the rest goes as one chunk; else one by one, where each size must be prepared.
    """
    full, rest = divmod(count, BATCH)
    tail = [rest] if any_size and rest else [1] * rest
    return [BATCH] * full + tail


def shape_scores(logit: F32Array, cam: F32Array) -> Scores:
    """Outputs (N,K') and (N,h,w,K') to scores; the last axis goes where K' is 1."""
    if logit.shape[-1] == 1:
        return Scores(logit[..., 0], cam[..., 0])
    return Scores(logit, cam)


class ChunkedRuntime(Runtime):
    """A runtime on the host's processor; a subclass says how one chunk is computed.

    Raises:
        RuntimeUnavailableError: the weights take no uint8 image.
    """

    any_chunk_size: bool

    def __init__(self, weights: Weights, threads: int) -> None:
        self.weights, self.threads = weights, threads
        self._logit, self._cam = weights.output("logit"), weights.output("cam")
        self._lock = threading.Lock()
        self._closed = False
        if weights.inputs[0].dtype != "uint8":
            raise RuntimeUnavailableError(
                f"{weights.file} takes {weights.inputs[0].dtype} images, the device has uint8; "
                "export it with a uint8 input"
            )

    def run(self, batch: U8Array) -> Scores:
        """See `Runtime.run`."""
        logits = [np.zeros((0, *self._logit.shape[1:]), np.float32)]
        cams = [np.zeros((0, *self._cam.shape[1:]), np.float32)]
        at = 0
        with self._lock:
            if self._closed:
                raise RuntimeUnavailableError(
                    f"{self.weights.file} on {self.name} was closed; open the bundle again"
                )
            for size in chunk_sizes(len(batch), any_size=self.any_chunk_size):
                logit, cam = self._invoke(batch[at : at + size])
                logits.append(dequantise(logit, self._logit))
                cams.append(dequantise(cam, self._cam))
                at += size
        return shape_scores(np.concatenate(logits), np.concatenate(cams))

    def close(self) -> None:
        """See `Runtime.close`."""
        with self._lock:
            self._closed = True
            self._free()

    @abstractmethod
    def _invoke(self, chunk: U8Array) -> tuple[np.ndarray, np.ndarray]:
        """Raw logit (n,K') and cam (n,h,w,K') of one chunk; the lock is held."""

    @abstractmethod
    def _free(self) -> None:
        """Lets the network go; the lock is held."""
