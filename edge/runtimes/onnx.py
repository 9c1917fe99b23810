"""ONNX Runtime, on the CPU or on another of its execution providers."""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.base import Device, Operations
from edge.runtimes.chunks import ChunkedRuntime

CPU_PROVIDER = "CPUExecutionProvider"
# Of a network that takes images of any size.
_ANY_SIDE_PX = 64
# ONNX Runtime's errors have no base of their own.
_REFUSALS = (
    "EPFail", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotFound",
    "NotImplemented", "RuntimeException",
)  # fmt: skip


class OnnxRuntime(ChunkedRuntime):
    """The network under onnxruntime's session; tensors are named as in the manifest.

    Args:
        device: a provider; what it does not take runs on the processor.

    Raises:
        RuntimeUnavailableError: library or provider is absent, or refuses the model.
    """

    name = "onnx"
    accelerator = "cpu"

    def __init__(
        self, model: bytes, weights: Weights, *, threads: int = 1, device: Device | None = None
    ) -> None:
        super().__init__(weights, threads)
        self._image, self._device = weights.inputs[0].name, device
        # An engine is built for each size, which takes a device minutes.
        self.any_chunk_size = device is None
        if device:
            self.accelerator = device.name
        library, self.failures = import_library()
        self._session: Any = self._open(library, model)

    def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(self._session.run([spec.name for spec in self._outputs], {self._image: chunk}))

    def _free(self) -> None:
        self._session = None

    def _open(self, library: Any, model: bytes) -> Any:
        options = library.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised, too
        providers: list[tuple[str, dict[str, str]]] = [(CPU_PROVIDER, {})]
        if self._device:
            check_provider(library, self._device)
            providers.insert(0, (self._device.entry, dict(self._device.options)))
        try:
            # Its own fallback would go on elsewhere and say nothing.
            session = library.InferenceSession(
                model, options, providers=providers, enable_fallback=0
            )
        except self.failures as error:
            where = f" on {self._device.name}" if self._device else ""
            raise RuntimeUnavailableError(
                f"ONNX Runtime refuses {self.weights.file}{where}: {error}; pack the bundle again"
            ) from error
        if self._device and self._device.entry not in session.get_providers():
            raise RuntimeUnavailableError(
                f"ONNX Runtime dropped {self._device.entry} without a word; it runs "
                f"{', '.join(session.get_providers())}"
            )
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


def import_library() -> tuple[Any, tuple[type[Exception], ...]]:
    """The library, and what it raises. Raises RuntimeUnavailableError where it is absent."""
    try:
        library = import_module("onnxruntime")
        errors = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"ONNX Runtime is not installed ({error}); pip install 'clinicscope[onnx]'"
        ) from error
    return library, tuple(getattr(errors, name) for name in _REFUSALS if hasattr(errors, name))


def check_provider(library: Any, device: Device) -> None:
    """Raises RuntimeUnavailableError where this build of the library has no such provider."""
    found = library.get_available_providers()
    if device.entry not in found:
        raise RuntimeUnavailableError(
            f"ONNX Runtime {library.__version__} has no {device.entry} here, but "
            f"{', '.join(found)}; install its build for {device.name}"
        )


def count_operations(model: bytes, weights: Weights, device: Device) -> Operations:
    """What a provider computes of a network, as the library's own profile of one call tells.

    Raises:
        RuntimeUnavailableError: see `OnnxRuntime`.
    """
    library, _ = import_library()
    options = library.SessionOptions()
    options.enable_profiling, options.log_severity_level = True, 4
    sides = [_ANY_SIDE_PX if side < 0 else side for side in weights.inputs[0].shape[1:-1]]
    image = np.zeros((1, *sides, 3), weights.inputs[0].dtype)
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        check_provider(library, device)
        providers = [(device.entry, dict(device.options)), (CPU_PROVIDER, {})]
        session = library.InferenceSession(model, options, providers=providers, enable_fallback=0)
        session.run(None, {weights.inputs[0].name: image})
        events = json.loads(Path(session.end_profiling()).read_text())
    ran = [
        event["args"]["provider"]
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    ]
    return Operations(ran.count(device.entry), len(ran))
