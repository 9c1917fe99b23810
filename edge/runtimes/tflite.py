"""TFLite models, whichever library's interpreter runs them, on the processor or on a delegate."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from edge.contract.errors import NotTakenError, RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.base import Device, Operations
from edge.runtimes.chunks import ChunkedRuntime

# Of a network that takes images of any size, before there is one.
_FIRST_SIDE_PX = 64
# Each keeps its own memory; a camera's fields have one size, which the scale may change a little.
_MOST_SHAPES = 4


@dataclass(frozen=True, eq=False)
class _Opened:
    """An interpreter of one input shape, and its tensors' indexes: asking each time costs 10 us."""

    interpreter: Any
    shape: tuple[int, ...]
    image: int
    outputs: tuple[int, ...]


class TFLiteRuntime(ChunkedRuntime):
    """A network under the interpreter of `library`; a subclass names it.

    Args:
        device: an external delegate; what it does not take runs on the processor.

    Attributes:
        title: the library's name for a person.
        library: module that holds `Interpreter`.
        install: what pip installs it by.

    Raises:
        RuntimeUnavailableError: the library is absent, or refuses the model; or the delegate does,
            or takes no operation of it.
    """

    title: ClassVar[str]
    library: ClassVar[str]
    install: ClassVar[str]
    any_chunk_size = False
    # What the interpreters raise, whatever is wrong.
    failures = (RuntimeError, ValueError)

    def __init__(
        self, model: bytes, weights: Weights, *, threads: int = 1, device: Device | None = None
    ) -> None:
        super().__init__(weights, threads)
        self._model, self._device = model, device
        self._library = self._import()
        if weights.format != "tflite":
            # Compiled for one image, at its one size.
            self.most_at_once = 1
        sides = [_FIRST_SIDE_PX if side < 0 else side for side in weights.inputs[0].shape[1:]]
        first = (1, *sides)
        single = self._open(first)
        self._opened = {first: single}
        self._newest: _Opened | None = single
        own = "cpu-xnnpack" if _is_delegated(single.interpreter) else "cpu"
        self.accelerator = device.name if device else own

    def _import(self) -> Any:
        try:
            return import_module(self.library)
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"{self.title} is not installed ({error}); pip install {self.install}"
            ) from error

    def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        opened = self._newest
        if opened is None or opened.shape != chunk.shape:
            opened = self._newest = self._of_shape(chunk.shape)
        interpreter = opened.interpreter
        interpreter.set_tensor(opened.image, chunk)
        interpreter.invoke()
        return tuple(map(interpreter.get_tensor, opened.outputs))

    def _of_shape(self, shape: tuple[int, ...]) -> _Opened:
        # Put last again, so that the shape that was not asked for longest goes first.
        opened = self._opened.pop(shape, None) or self._open(shape)
        self._opened[shape] = opened
        if len(self._opened) > _MOST_SHAPES:
            del self._opened[next(iter(self._opened))]
        return opened

    def _free(self) -> None:
        self._opened.clear()
        self._newest = None

    def _interpreter(self) -> Any:
        make = self._library.Interpreter
        if self._device is None:
            return make(model_content=self._model, num_threads=self.threads)
        made = make(
            model_content=self._model,
            num_threads=self.threads,
            experimental_delegates=[self._delegate(self._device)],
        )
        # Before tensors are allocated XNNPACK has taken nothing yet.
        self.operations = _count_operations(made)
        if not self.operations.on_device:
            raise NotTakenError(
                f"{self._device.name} takes none of the {self.operations.total} operations of "
                f"{self.weights.file}: all of it would run on the processor"
            )
        return made

    def _delegate(self, device: Device) -> Any:
        """One for each interpreter, which frees it."""
        try:
            # Where nothing can be loaded, `load_delegate` leaves a broken object behind.
            ctypes.CDLL(device.entry)
            return self._library.load_delegate(device.entry, dict(device.options))
        except (ValueError, OSError) as error:
            # The library says nothing but that it failed where a delegate reports no reason.
            said = " ".join(str(error).split())
            raise RuntimeUnavailableError(f"{device.name} refuses to load: {said}") from error

    def _open(self, shape: tuple[int, ...]) -> _Opened:
        try:
            interpreter = self._interpreter()
            spec = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(spec["index"], list(shape))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise RuntimeUnavailableError(self._refusal(error)) from error
        self._check_input(spec)
        outputs = interpreter.get_output_details()
        indexes = tuple(outputs[output.index]["index"] for output in self._outputs)
        return _Opened(interpreter, shape, spec["index"], indexes)

    def _refusal(self, error: Exception) -> str:
        if self._device is None:
            return f"{self.title} refuses {self.weights.file}: {error}; pack the bundle again"
        said = " ".join(str(error).split()) or f"{self.title} gives no reason"
        return f"{self._device.name} refuses {self.weights.file}: {said}"

    def _check_input(self, found: dict[str, Any]) -> None:
        named = self.weights.inputs[0]
        kind, shape = np.dtype(found["dtype"]).name, tuple(map(int, found["shape"]))
        if kind != named.dtype or not named.fits(shape):
            raise RuntimeUnavailableError(
                f"{self.weights.file} takes {kind} of {shape[1:]}, the manifest says {named.dtype} "
                f"of {named.shape[1:]}; pack the bundle again"
            )


def _count_operations(interpreter: Any) -> Operations:
    """What a delegate took: all that is not reached from the outputs without passing it."""
    found = interpreter._get_ops_details()
    own = [op for op in found if op["op_name"] != "DELEGATE"]
    taken = [op for op in found if op["op_name"] == "DELEGATE"]
    # Where both give a tensor, the delegate's is the one that is computed.
    makers = {int(tensor): op for op in (*own, *taken) for tensor in op["outputs"]}
    wanted = [int(output["index"]) for output in interpreter.get_output_details()]
    reached: dict[int, Any] = {}
    while wanted:
        op = makers.get(wanted.pop())
        if op is not None and op["index"] not in reached:
            reached[op["index"]] = op
            wanted += [int(tensor) for tensor in op["inputs"]]
    on_processor = sum(op["op_name"] != "DELEGATE" for op in reached.values())
    return Operations(len(own) - on_processor if taken else 0, len(own))


def _is_delegated(interpreter: Any) -> bool:
    """Whether XNNPACK took operations over; tflite-runtime's has no kernels for INT8 networks."""
    return any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())
