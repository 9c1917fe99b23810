"""TFLite models on the CPU, whichever library's interpreter runs them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.chunks import ChunkedRuntime

# Of a network that takes images of any size, before there is one.
_FIRST_SIDE_PX = 64
# Each keeps its own memory; a camera's fields have one size, which the scale may change a little.
_MOST_SHAPES = 4


@dataclass(frozen=True, eq=False)
class _Opened:
    """An interpreter of one input shape, and its tensors' indexes: asking each time costs 10 us."""

    interpreter: Any
    image: int
    outputs: tuple[int, ...]


class TFLiteRuntime(ChunkedRuntime):
    """A network under the interpreter of `library`; a subclass names it.

    Attributes:
        title: the library's name for a person.
        library: module that holds `Interpreter`.
        install: what pip installs it by.

    Raises:
        RuntimeUnavailableError: the library is absent, or refuses the model.
    """

    title: ClassVar[str]
    library: ClassVar[str]
    install: ClassVar[str]
    any_chunk_size = False

    def __init__(self, model: bytes, weights: Weights, *, threads: int = 1) -> None:
        super().__init__(weights, threads)
        self._model = model
        self._interpreter_class = self._import()
        sides = [_FIRST_SIDE_PX if side < 0 else side for side in weights.inputs[0].shape[1:]]
        first = (1, *sides)
        single = self._open(first)
        self._opened = {first: single}
        self.accelerator = "cpu-xnnpack" if _is_delegated(single.interpreter) else "cpu"

    def _import(self) -> Any:
        try:
            return import_module(self.library).Interpreter
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"{self.title} is not installed ({error}); pip install {self.install}"
            ) from error

    def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        # Put last again, so that the shape that was not asked for longest goes first.
        opened = self._opened.pop(chunk.shape, None) or self._open(chunk.shape)
        self._opened[chunk.shape] = opened
        if len(self._opened) > _MOST_SHAPES:
            del self._opened[next(iter(self._opened))]
        opened.interpreter.set_tensor(opened.image, chunk)
        opened.interpreter.invoke()
        return tuple(opened.interpreter.get_tensor(index) for index in opened.outputs)

    def _free(self) -> None:
        self._opened.clear()

    def _open(self, shape: tuple[int, ...]) -> _Opened:
        try:
            interpreter = self._interpreter_class(
                model_content=self._model, num_threads=self.threads
            )
            spec = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(spec["index"], list(shape))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise RuntimeUnavailableError(
                f"{self.title} refuses {self.weights.file}: {error}; pack the bundle again"
            ) from error
        self._check_input(spec)
        outputs = interpreter.get_output_details()
        indexes = tuple(outputs[output.index]["index"] for output in self._outputs)
        return _Opened(interpreter, spec["index"], indexes)

    def _check_input(self, found: dict[str, Any]) -> None:
        named = self.weights.inputs[0]
        kind, shape = np.dtype(found["dtype"]).name, tuple(map(int, found["shape"]))
        if kind != named.dtype or not named.fits(shape):
            raise RuntimeUnavailableError(
                f"{self.weights.file} takes {kind} of {shape[1:]}, the manifest says {named.dtype} "
                f"of {named.shape[1:]}; pack the bundle again"
            )


def _is_delegated(interpreter: Any) -> bool:
    """Whether XNNPACK took operations over; tflite-runtime's has no kernels for INT8 networks."""
    return any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())
