"""ONNX Runtime on the CPU."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.chunks import ChunkedRuntime

# ONNX Runtime's errors have no base of their own.
_REFUSALS = (
    "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotFound",
    "NotImplemented", "RuntimeException",
)  # fmt: skip


class OnnxRuntime(ChunkedRuntime):
    """The network under onnxruntime's session; tensors are named as in the manifest.

    Raises:
        RuntimeUnavailableError: the library is absent, or refuses the model.
    """

    name = "onnx"
    accelerator = "cpu"
    any_chunk_size = True

    def __init__(self, model: bytes, weights: Weights, *, threads: int = 1) -> None:
        super().__init__(weights, threads)
        self._image = weights.inputs[0].name
        self._session: Any = self._open(model)

    def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(self._session.run([spec.name for spec in self._outputs], {self._image: chunk}))

    def _free(self) -> None:
        self._session = None

    def _open(self, model: bytes) -> Any:
        try:
            library = import_module("onnxruntime")
            errors = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"ONNX Runtime is not installed ({error}); pip install 'clinicscope[onnx]'"
            ) from error
        options = library.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised, too
        try:
            session = library.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except tuple(getattr(errors, name) for name in _REFUSALS) as error:
            raise RuntimeUnavailableError(
                f"ONNX Runtime refuses {self.weights.file}: {error}; pack the bundle again"
            ) from error
        self._check_tensors(session)
        return session

    def _check_tensors(self, session: Any) -> None:
        found = {tensor.name for tensor in (*session.get_inputs(), *session.get_outputs())}
        missing = {self._image, *(spec.name for spec in self._outputs)} - found
        if missing:
            raise RuntimeUnavailableError(
                f"{self.weights.file} has tensors {sorted(found)} but not {sorted(missing)}, which "
                "the manifest names; pack the bundle again"
            )
        kinds = {tensor.name: tensor.type for tensor in session.get_inputs()}
        dtype = self.weights.inputs[0].dtype
        if kinds[self._image] != f"tensor({dtype})":
            raise RuntimeUnavailableError(
                f"{self.weights.file} takes {kinds[self._image]}, the manifest says {dtype}; pack "
                "the bundle again"
            )
