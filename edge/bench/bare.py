"""A model file in its library's own loop, with nothing of ours round it: what is compared with."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from edge.bench.turns import Call
from edge.contract.errors import DataError

# All raw outputs of one input.
Feed = Callable[[np.ndarray], list[np.ndarray]]
_ONNX_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
}


class BareModel(ABC):
    """One model file, opened; not for several threads.

    Attributes:
        name: the file's, with its folder.
        init_ms: opening it, its library imported already.
        first_ms: the first call.

    Raises:
        DataError: the library refuses it, or is absent.
    """

    format: str

    def __init__(self, content: bytes, name: str, threads: int) -> None:
        self.content, self.name, self.threads = content, name, threads
        self.sha256 = hashlib.sha256(content).hexdigest()
        started = time.perf_counter()
        call = self._single()
        self.init_ms = (time.perf_counter() - started) * 1000
        started = time.perf_counter()
        call()
        self.first_ms = (time.perf_counter() - started) * 1000

    @abstractmethod
    def caller(self, batch: int) -> tuple[Call, int]:
        """A call on noise, and how many of the batch it takes: the batch, or 1 where the network
        knows no batches.
        """

    @abstractmethod
    def feed(self, shape: Sequence[int]) -> Feed:
        """The bare loop's body for an input of that shape, (N,...) of the file's own kind.

        Grey levels are uint8, also where the file has them as int8.
        """

    @property
    @abstractmethod
    def takes_grey_levels(self) -> bool:
        """Whether its first input is an image of grey levels as they are."""

    @abstractmethod
    def _single(self) -> Call: ...


def open_bare(path: Path, threads: int = 1) -> BareModel:
    """Opens a TFLite or ONNX file.

    Raises:
        DataError: it cannot be read or opened.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"baseline {path} cannot be opened: {error.strerror}") from error
    name = f"{path.parent.name}/{path.name}"
    return bare_of("onnx" if path.suffix == ".onnx" else "tflite", content, name, threads)


def bare_of(format_: str, content: bytes, name: str, threads: int = 1) -> BareModel:
    """Opens a file's content of format "tflite" or "onnx". Raises DataError where it cannot."""
    return (BareOnnx if format_ == "onnx" else BareTFLite)(content, name, threads)


class BareTFLite(BareModel):
    """Under ai-edge-litert's interpreter."""

    format = "tflite"

    def open(self, shape: Sequence[int] = (), **options: Any) -> Any:
        """An interpreter whose first input has that shape, else the file's own."""
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(
                model_content=self.content, num_threads=self.threads, **options
            )
            if len(shape):
                index = interpreter.get_input_details()[0]["index"]
                interpreter.resize_tensor_input(index, [int(side) for side in shape])
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(f"baseline {self.name} cannot be opened: {error}") from error
        return interpreter

    def caller(self, batch: int) -> tuple[Call, int]:
        """See `BareModel.caller`."""
        shape = self.open().get_input_details()[0]["shape"]
        try:
            interpreter = self.open((batch, *shape[1:]))
            interpreter.invoke()
        except (DataError, RuntimeError):
            # Some networks have the batch of 1 built into a reshape.
            return self._single(), 1
        return _tflite_call(interpreter), batch

    def feed(self, shape: Sequence[int]) -> Feed:
        """See `BareModel.feed`."""
        interpreter = self.open(shape)
        detail = interpreter.get_input_details()[0]
        image, signed = detail["index"], _is_signed_image(detail)
        outputs = [output["index"] for output in interpreter.get_output_details()]

        def run(values: np.ndarray) -> list[np.ndarray]:
            # Images are uint8, so this is part of anybody's loop.
            given = (values ^ np.uint8(0x80)).view(np.int8) if signed else values
            interpreter.set_tensor(image, given)
            interpreter.invoke()
            return [interpreter.get_tensor(output) for output in outputs]

        return run

    @property
    def takes_grey_levels(self) -> bool:
        """See `BareModel.takes_grey_levels`."""
        detail = self.open().get_input_details()[0]
        return bool(detail["dtype"] == np.uint8) or _is_signed_image(detail)

    def _single(self) -> Call:
        return _tflite_call(self.open())


class BareOnnx(BareModel):
    """Under ONNX Runtime's session on the CPU.

    `sides` (H,W,C) are those of noise where the file leaves them open, as a finder's does.
    """

    format = "onnx"

    def __init__(
        self, content: bytes, name: str, threads: int, sides: Sequence[int] | None = None
    ) -> None:
        self._sides = sides
        super().__init__(content, name, threads)

    def open(self, **options: Any) -> Any:
        """A session; `options` are set on its SessionOptions."""
        try:
            library = import_module("onnxruntime")
        except ImportError as error:
            raise DataError(
                f"baseline {self.name} needs ONNX Runtime; pip install 'clinicscope[onnx]'"
            ) from error
        chosen = library.SessionOptions()
        chosen.intra_op_num_threads, chosen.inter_op_num_threads = self.threads, 1
        chosen.log_severity_level = 4
        for name, value in options.items():
            setattr(chosen, name, value)
        try:
            return library.InferenceSession(
                self.content, chosen, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # ONNX Runtime's errors share no base class that it makes public.
            raise DataError(f"baseline {self.name} cannot be opened: {error}") from error

    def caller(self, batch: int) -> tuple[Call, int]:
        """See `BareModel.caller`."""
        session = self.open()
        takes_any = all(not isinstance(one.shape[0], int) for one in session.get_inputs())
        taken = batch if takes_any else 1
        feeds = {one.name: self._noise(one, taken) for one in session.get_inputs()}
        return (lambda: session.run(None, feeds)), taken

    def feed(self, shape: Sequence[int]) -> Feed:  # noqa: ARG002
        """See `BareModel.feed`; a session takes any batch that its file allows."""
        session = self.open()
        image = session.get_inputs()[0].name
        return lambda values: list(session.run(None, {image: values}))

    @property
    def takes_grey_levels(self) -> bool:
        """See `BareModel.takes_grey_levels`."""
        return bool(self.open().get_inputs()[0].type == "tensor(uint8)")

    def _single(self) -> Call:
        return self.caller(1)[0]

    def noise(self) -> np.ndarray:
        """One input at random."""
        return self._noise(self.open().get_inputs()[0], 1)

    def _noise(self, tensor: Any, batch: int) -> np.ndarray:
        sides = tensor.shape[1:]
        if self._sides and len(sides) == len(self._sides):
            sides = self._sides
        if tensor.type not in _ONNX_TYPES or not all(isinstance(side, int) for side in sides):
            raise DataError(
                f"baseline {self.name} takes {tensor.type} of {tensor.shape}; expected a batch of "
                f"fixed sides, of {', '.join(_ONNX_TYPES)}"
            )
        return _noise((batch, *sides), _ONNX_TYPES[tensor.type])


def _is_signed_image(detail: Any) -> bool:
    """Whether a tensor holds grey levels from -128."""
    return bool(detail["dtype"] == np.int8 and detail["quantization"][1] == -128)


def _tflite_call(interpreter: Any) -> Call:
    inputs = [
        (detail["index"], _noise(detail["shape"], detail["dtype"]))
        for detail in interpreter.get_input_details()
    ]
    outputs = [output["index"] for output in interpreter.get_output_details()]

    def call() -> list[np.ndarray]:
        for index, values in inputs:
            interpreter.set_tensor(index, values)
        interpreter.invoke()
        return [interpreter.get_tensor(output) for output in outputs]

    return call


def _noise(shape: Sequence[int], kind: Any) -> np.ndarray:
    """Grey levels at random; 0 to 1 for a float input."""
    values = np.random.default_rng(0).random([int(side) for side in shape])
    return np.asarray(values if np.dtype(kind).kind == "f" else values * 127, kind)
