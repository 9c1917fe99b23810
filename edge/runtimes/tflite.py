"""TFLite models on the CPU, whichever library's interpreter runs them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.contract.types import U8Array
from edge.runtimes.chunks import ChunkedRuntime


@dataclass(frozen=True, eq=False)
class _Opened:
    """An interpreter of one batch size, and its tensors' indexes: asking each time costs 10 us."""

    interpreter: Any
    image: int
    logit: int
    cam: int


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
        single = self._open(1)
        self._opened = {1: single}
        self.accelerator = "cpu-xnnpack" if _is_delegated(single.interpreter) else "cpu"

    def _import(self) -> Any:
        try:
            return import_module(self.library).Interpreter
        except ImportError as error:
            raise RuntimeUnavailableError(
                f"{self.title} is not installed ({error}); pip install {self.install}"
            ) from error

    def _invoke(self, chunk: U8Array) -> tuple[np.ndarray, np.ndarray]:
        opened = self._opened.get(len(chunk)) or self._open(len(chunk))
        self._opened[len(chunk)] = opened
        opened.interpreter.set_tensor(opened.image, chunk)
        opened.interpreter.invoke()
        get = opened.interpreter.get_tensor
        return get(opened.logit), get(opened.cam)

    def _free(self) -> None:
        self._opened.clear()

    def _open(self, batch_size: int) -> _Opened:
        try:
            interpreter = self._interpreter_class(
                model_content=self._model, num_threads=self.threads
            )
            spec = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(spec["index"], [batch_size, *spec["shape"][1:]])
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise RuntimeUnavailableError(
                f"{self.title} refuses {self.weights.file}: {error}; pack the bundle again"
            ) from error
        outputs = interpreter.get_output_details()
        return _Opened(
            interpreter,
            spec["index"],
            outputs[self._logit.index]["index"],
            outputs[self._cam.index]["index"],
        )


def _is_delegated(interpreter: Any) -> bool:
    """Whether XNNPACK took operations over; tflite-runtime's has no kernels for INT8 networks."""
    return any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())
