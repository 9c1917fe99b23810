"""What all runtimes share: chunks behind a lock, and raw outputs to scores or pictures."""

from __future__ import annotations

import math
import re
import threading
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from edge.contract.errors import BundleError, DeviceLostError, RuntimeUnavailableError
from edge.contract.manifest import GRID, RESIDUAL, TensorSpec, Weights
from edge.contract.residual import I8Array, add_to_bicubic
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime, Scores

# Batches save calls, not arithmetic, and memory must not grow with the number of cells: a network
# takes 3.5 MB for 32, 2 MB for 16. A call's own part is then lost in the noise; with 16 it was 2 %.
BATCH = 32
# In the order in which `_invoke` gives them.
_SCORES = ("logit", "cam")
_NO_SCORES = {"enhancer": "makes pictures larger", "finder": "finds cells"}
_OUTPUTS = {"finder": (GRID,)}
# Of 255 grey levels none is off by a tenth.
_SCALE_ACCURACY = 4e-4
# Where TFLite's own words follow a delegate's.
_JOINED = re.compile(r"(?<=\S)\s*(?=Node number \d)")


def dequantise(values: np.ndarray, spec: TensorSpec) -> F32Array:
    """Quantised values to float32; widened before the zero point is taken off."""
    if spec.scale is None or spec.zero_point is None:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.int32) - spec.zero_point) * spec.scale, np.float32)


def chunk_sizes(count: int, *, any_size: bool, most: int = BATCH) -> list[int]:
    """Sizes of the chunks that `count` cells go through in: `most` each, then the rest.

    Args:
        any_size: the rest goes as one chunk; else, where each size must be prepared, as one of half
            the size and then one by one.
    """
    if count == 1:
        return [1]  # One cell is called so often that even the sums below show.
    full, rest = divmod(count, most)
    if any_size:
        return [most] * full + [rest] * (rest > 0)
    half = most // 2
    halves = rest // half if half else 0
    return [most] * full + [half] * halves + [1] * (rest - half * halves)


def shape_scores(logit: F32Array, cam: F32Array) -> Scores:
    """Outputs (N,K') and (N,h,w,K') to scores; the last axis goes where K' is 1."""
    if logit.shape[-1] == 1:
        return Scores(logit[..., 0], cam[..., 0])
    return Scores(logit, cam)


def holds_grey_levels(spec: TensorSpec) -> bool:
    """Whether a tensor's values are the 256 grey levels in order: uint8, or int8 from -128."""
    scale = 1 / 255 if spec.scale is None else spec.scale
    zero = {"uint8": (None, 0), "int8": (-128,)}.get(spec.dtype, ())
    return spec.zero_point in zero and math.isclose(scale, 1 / 255, rel_tol=_SCALE_ACCURACY)


def takes_images(spec: TensorSpec) -> bool:
    """Whether grey levels go straight in: uint8 whatever is done inside, or int8 from -128."""
    return spec.dtype == "uint8" or holds_grey_levels(spec)


def holds_residuals(spec: TensorSpec) -> bool:
    """Whether a tensor's values are -128 to 127 grey levels in order: int8, or uint8 from -128."""
    scale = 1 / 255 if spec.scale is None else spec.scale
    zero = {"uint8": (None, 128), "int8": (0,)}.get(spec.dtype, ())
    return spec.zero_point in zero and math.isclose(scale, 1 / 255, rel_tol=_SCALE_ACCURACY)


def to_residuals(values: np.ndarray, spec: TensorSpec) -> I8Array:
    """A tensor's values as int8."""
    return (values ^ np.uint8(0x80)).view(np.int8) if spec.dtype == "uint8" else values


def to_grey_levels(values: np.ndarray, spec: TensorSpec) -> U8Array:
    """A tensor's values as uint8; -128 to 127 and 0 to 255 differ in the top bit alone."""
    return values.view(np.uint8) ^ np.uint8(0x80) if spec.dtype == "int8" else values


def from_grey_levels(levels: U8Array, spec: TensorSpec) -> np.ndarray:
    """The other way round."""
    return (levels ^ np.uint8(0x80)).view(np.int8) if spec.dtype == "int8" else levels


def _no_rows(spec: TensorSpec) -> np.ndarray:
    """What a batch of none gives; sides of any size are 0 there."""
    return np.zeros([max(0, side) for side in (0, *spec.shape[1:])], spec.dtype)


class ChunkedRuntime(Runtime):
    """A runtime in this process; a subclass says how one chunk is computed.

    Attributes:
        any_chunk_size: each size of chunk costs nothing to prepare.
        most_at_once: cells a chunk.
        failures: what the library raises where a chunk cannot be computed.

    Raises:
        RuntimeUnavailableError: the weights take no grey levels, or an enhancer's tensors are no
            grey levels.
    """

    any_chunk_size: bool
    most_at_once: int = BATCH
    failures: tuple[type[Exception], ...]

    def __init__(self, weights: Weights, threads: int) -> None:
        self.weights, self.threads = weights, threads
        self._enlarges = weights.role == "enhancer"
        self._outputs = (
            weights.outputs
            if self._enlarges
            else tuple(weights.output(name) for name in _OUTPUTS.get(weights.role, _SCORES))
        )
        self._lock = threading.Lock()
        self._closed = False
        if self._enlarges:
            self._check_grey_levels()
        elif not takes_images(weights.inputs[0]):
            spec = weights.inputs[0]
            raise RuntimeUnavailableError(
                f"{weights.file} takes {spec.dtype} images, scale {spec.scale}, zero point "
                f"{spec.zero_point}, the device has grey levels; export it with an int8 input of "
                "scale 1/255 and zero point -128, or a uint8 input"
            )

    def _check_grey_levels(self) -> None:
        for spec in (self.weights.inputs[0], *self._outputs):
            of_residuals = spec.name == RESIDUAL
            if not (holds_residuals(spec) if of_residuals else holds_grey_levels(spec)):
                zero = "0, or uint8 of 128" if of_residuals else "-128, or uint8"
                raise RuntimeUnavailableError(
                    f"{self.weights.file} has {spec.name!r} of {spec.dtype}, scale {spec.scale}, "
                    f"zero point {spec.zero_point}, the device has grey levels; export it as int8 "
                    f"of scale 1/255 and zero point {zero}"
                )

    def run(self, batch: U8Array) -> Scores:
        """See `Runtime.run`."""
        if self.weights.role in _NO_SCORES:
            raise BundleError(
                f"{self.weights.file} {_NO_SCORES[self.weights.role]}; it gives no scores"
            )
        sizes = chunk_sizes(len(batch), any_size=self.any_chunk_size, most=self.most_at_once)
        logit, cam = self._compute(from_grey_levels(batch, self.weights.inputs[0]), sizes)
        return shape_scores(dequantise(logit, self._outputs[0]), dequantise(cam, self._outputs[1]))

    def enlarge(self, batch: U8Array) -> U8Array:
        """See `Runtime.enlarge`. One at a time: of a chunk, the maps would not fit the caches."""
        if not self._enlarges:
            raise BundleError(f"{self.weights.file} gives scores; it makes no pictures larger")
        levels = from_grey_levels(batch, self.weights.inputs[0])
        (found,), spec = self._compute(levels, [1] * len(batch)), self._outputs[0]
        if spec.name != RESIDUAL:
            return to_grey_levels(found, spec)
        residuals = to_residuals(found, spec)
        if len(batch) == 1:
            return add_to_bicubic(batch[0], residuals[0])[None]
        made = np.empty(residuals.shape, np.uint8)
        for index, image in enumerate(batch):
            made[index] = add_to_bicubic(image, residuals[index])
        return made

    def grid(self, image: U8Array) -> F32Array:
        """See `Runtime.grid`."""
        if self.weights.role != "finder":
            raise BundleError(f"{self.weights.file} finds no cells")
        (found,) = self._compute(from_grey_levels(image[None], self.weights.inputs[0]), [1])
        return dequantise(found[0], self._outputs[0])

    def _compute(self, batch: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
        """All raw outputs of a batch that goes through in chunks of these sizes."""
        with self._lock:
            if self._closed:
                raise RuntimeUnavailableError(
                    f"{self.weights.file} on {self.name} was closed; open the bundle again"
                )
            try:
                if len(sizes) == 1:
                    # Nothing to cut and nothing to join: for one cell either takes time that shows.
                    return self._invoke(batch)
                found, at = [], 0
                for size in sizes:
                    found.append(self._invoke(batch[at : at + size]))
                    at += size
            except self.failures as error:
                raise DeviceLostError(
                    f"{self.weights.file} failed on {self.name}/{self.accelerator}: {_said(error)}"
                ) from error
        if not found:
            return tuple(_no_rows(spec) for spec in self._outputs)
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))

    def close(self) -> None:
        """See `Runtime.close`."""
        with self._lock:
            self._closed = True
            self._free()

    @abstractmethod
    def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        """Raw outputs of one chunk, logit (n,K') and cam (n,h,w,K') or a picture (n,2T,2T,3); the
        lock is held.
        """

    @abstractmethod
    def _free(self) -> None:
        """Lets the network go; the lock is held."""


def _said(error: Exception) -> str:
    """On one line. TFLite writes a delegate's words and its own one after the other."""
    return _JOINED.sub("; ", " ".join(str(error).split()))
