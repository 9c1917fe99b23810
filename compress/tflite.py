"""TFLite files: a converter that takes uint8 images, the operations inside, and running one.

What a device runs is `edge.runtimes`; here a file is looked into while it is being made.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array, U8Array

_RUNNING_BATCH = 16
# They bring values in and out of integer arithmetic and compute nothing.
BOUNDARY_OPS = frozenset({"QUANTIZE", "DEQUANTIZE"})


@dataclass(frozen=True)
class Operation:
    """One operation of a file: kind in TFLite's spelling, name of its first output, types."""

    kind: str
    name: str
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]

    @property
    def is_float(self) -> bool:
        """Whether it reads or writes float values."""
        return any(kind.startswith("float") for kind in self.input_types + self.output_types)


def uint8_function(model: Any, scale: float) -> Any:
    """The network from uint8 (N,H,W,3) to `logit` and `cam`, scaled inside; any N."""
    import tensorflow as tf

    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")]

    def run(image: Any) -> Any:
        outputs = model(tf.cast(image, tf.float32) * scale, training=False)
        return {name: tf.identity(outputs[name], name) for name in ("logit", "cam")}

    return tf.function(run, input_signature=signature)


def uint8_converter(model: Any, scale: float) -> Any:
    """A TFLite converter whose file takes uint8 images as they are, CAST inside."""
    import tensorflow as tf

    traced = uint8_function(model, scale).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], model)


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Turns the converter's complaint about an operation into a DataError that names it."""
    from tensorflow.lite.python.convert_phase import ConverterError

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        try:
            yield
        except (ConverterError, RuntimeError, ValueError) as error:
            found = re.findall(r"'tf\.(\w+)' op|for op: '(\w+)'|\"tf\.(\w+)\"", str(error))
            names = sorted({name for names in found for name in names if name})
            raise DataError(
                f"{what} cannot be made: TFLite refuses {', '.join(names) or 'the network'} "
                f"({str(error).splitlines()[0][:200]}); build the network from other layers"
            ) from error


def operations(content: bytes) -> tuple[Operation, ...]:
    """Every operation, in the order of execution."""
    interpreter = _interpreter(content)
    kinds = {
        detail["index"]: (detail["name"], np.dtype(detail["dtype"]).name)
        for detail in interpreter.get_tensor_details()
    }
    found = []
    for operation in interpreter._get_ops_details():
        inputs = [kinds[index] for index in operation["inputs"] if index in kinds]
        outputs = [kinds[index] for index in operation["outputs"] if index in kinds]
        found.append(
            Operation(
                operation["op_name"],
                outputs[0][0],
                tuple(kind for _, kind in inputs),
                tuple(kind for _, kind in outputs),
            )
        )
    return tuple(found)


def output_tensors(content: bytes) -> dict[str, str]:
    """`logit` and `cam` by the name of their tensor."""
    runner = _interpreter(content).get_signature_runner()
    return {detail["name"]: name for name, detail in runner.get_output_details().items()}


def check_integer(
    content: bytes, what: str, allowed: frozenset[str] = BOUNDARY_OPS, at_ends_only: bool = True
) -> None:
    """Refuses a file in which an operation computes in float.

    Args:
        allowed: kinds that may touch float values.
        at_ends_only: the values must leave integers at most once, on their way out.

    Raises:
        DataError: names the operations.
    """
    found = operations(content)
    stayed = [
        f"{operation.kind} ({operation.name})"
        for operation in found
        if operation.is_float and operation.kind not in allowed
    ]
    inside = at_ends_only and any(
        operation.kind == "QUANTIZE" and operation.is_float for operation in found
    )
    if stayed or inside:
        raise DataError(
            f"{what} was asked for, but these operations stay in float: "
            f"{', '.join(stayed[:8]) or 'a QUANTIZE of float values'}; take the layers out, or "
            "make a variant that may hold float: int8-mixed, dynamic, float16"
        )


def tflite_outputs(content: bytes, crops: U8Array) -> tuple[F32Array, F32Array]:
    """Logits (N,K) and maps (N,h,w,K), dequantised, of uint8 crops (N,H,W,3)."""
    parts = [
        _run(content, crops[at : at + _RUNNING_BATCH])
        for at in range(0, len(crops), _RUNNING_BATCH)
    ]
    logits, cams = zip(*parts, strict=True)
    return np.concatenate(logits), np.concatenate(cams)


def _run(content: bytes, crops: U8Array) -> tuple[F32Array, F32Array]:
    interpreter = _interpreter(content, crops.shape)
    image = interpreter.get_input_details()[0]
    # int8 from -128 and uint8 differ in the top bit alone.
    levels = (crops ^ np.uint8(0x80)).view(np.int8) if image["dtype"] == np.int8 else crops
    interpreter.set_tensor(image["index"], levels)
    interpreter.invoke()
    by_rank = {
        len(detail["shape"]): _dequantised(interpreter.get_tensor(detail["index"]), detail)
        for detail in interpreter.get_output_details()
    }
    return by_rank[2], by_rank[4]


def _dequantised(values: np.ndarray, detail: Any) -> F32Array:
    scale, zero = detail["quantization"]
    if not scale:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.int32) - zero) * scale, np.float32)


def _interpreter(content: bytes, shape: tuple[int, ...] = ()) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A delegate would hide the operations that it takes over.
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    if shape:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], list(shape))
    interpreter.allocate_tensors()
    return interpreter
