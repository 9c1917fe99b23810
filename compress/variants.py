"""Every form that a fitted network is shipped or compared in, by name; all take uint8 images.

Outputs are `logit` and `cam`, any batch size. A network trained with quantisation in mind or a
pruned one is another `model`, made into the same variants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compress.quantise import pin_range, quantise_int8
from compress.tflite import BOUNDARY_OPS, check_integer, converting, uint8_converter
from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array

VARIANTS: dict[str, str] = {
    "float32": "TFLite as fitted, every value in 32 bits",
    "float16": "TFLite, weights kept in 16 bits and computed in 32",
    "dynamic": "TFLite, INT8 weights per channel; activations are quantised as they come",
    "int8": "full INT8 TFLite, scales per channel, outputs in INT8 (some 240 values)",
    "int8-float-out": "full INT8 TFLite, outputs dequantised in the file (as many values)",
    "int8-int16-out": "INT8 TFLite, the head in INT16 (65,535 values of a score)",
    "int16x8": "TFLite, INT16 activations and INT8 weights, outputs dequantised",
    "int8-mixed": "INT8 TFLite, the layer in float whose error hurts the logits most",
    "int8-second": "full INT8 TFLite by ai-edge-quantizer, outputs in INT8",
    "onnx-float32": "ONNX as fitted, batch norms folded",
    "onnx-int8": "INT8 ONNX (QDQ), scales per channel, the mean of the map in float",
}
# The fake quantisation of a network trained with it is read by TFLite's INT8 converter alone.
FROM_AWARE = frozenset({"int8", "int8-float-out"})


@dataclass(frozen=True, eq=False)
class Variant:
    """One file.

    Attributes:
        name: a key of VARIANTS.
        format: "tflite" or "onnx".
        note: what this file's own making decided, e.g. which layer stayed in float.
    """

    name: str
    format: str
    content: bytes
    note: str = ""


def make_variant(name: str, model: Any, representative: U8Array, scale: float) -> Variant:
    """The variant of a Keras model.

    Args:
        name: a key of VARIANTS.
        model: (N,S,S,3) float32 to `logit` and `cam`.
        representative: (N,S,S,3) uint8 RGB of training patients; sets ranges where there are any.
        scale: from uint8 to the model's range.

    Raises:
        ConfigError: no such variant.
        DataError: an operation does not quantise, named; or a network with fake quantisation in it
            is asked for in a form that cannot use it.
    """
    if name not in VARIANTS:
        raise ConfigError(f"no variant {name!r}; known: {', '.join(VARIANTS)}")
    if name not in FROM_AWARE and _has_fake_quantisation(model):
        raise DataError(
            f"{name} cannot be made of a network with fake quantisation in it, only "
            f"{', '.join(sorted(FROM_AWARE))} can; give `aware.float_copy` of it"
        )
    content, note = _MAKERS[name](model, representative, scale)
    return Variant(name, "onnx" if name.startswith("onnx-") else "tflite", content, note)


def _has_fake_quantisation(model: Any) -> bool:
    return any(type(layer).__name__.startswith("Quantize") for layer in model.layers)


def _float32(model: Any, _representative: U8Array, scale: float) -> tuple[bytes, str]:
    with converting("float32"):
        return uint8_converter(model, scale).convert(), ""


def _float16(model: Any, _representative: U8Array, scale: float) -> tuple[bytes, str]:
    import tensorflow as tf

    converter = uint8_converter(model, scale)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with converting("float16"):
        return converter.convert(), ""


def _dynamic(model: Any, _representative: U8Array, scale: float) -> tuple[bytes, str]:
    import tensorflow as tf

    converter = uint8_converter(model, scale)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with converting("dynamic"):
        return converter.convert(), "kernels of fewer than 1,024 values stay in float"


def _int8(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    return quantise_int8(model, representative, scale, float_outputs=False), ""


def _int8_float_out(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    return quantise_int8(model, representative, scale), ""


def _int8_int16_out(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    from compress.second_opinion import quantise_second

    floats, _ = _float32(model, representative, scale)
    return quantise_second(floats, representative, int16_outputs=True), "by ai-edge-quantizer"


def _int16x8(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    import tensorflow as tf

    pinned = pin_range(representative)
    sets = tf.lite.OpsSet
    converter = uint8_converter(model, scale)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([crop[None]] for crop in pinned)
    # The second set is for the CAST of the image, which has no INT16 form.
    converter.target_spec.supported_ops = [
        sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        sets.TFLITE_BUILTINS,
    ]
    with converting("int16x8"):
        content = converter.convert()
    check_integer(content, "int16x8", BOUNDARY_OPS | {"CAST"}, at_ends_only=False)
    return content, ""


def _int8_mixed(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    from compress.mixed import quantise_mixed

    mixed = quantise_mixed(model, representative, scale)
    return mixed.content, mixed.note


def _int8_second(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    from compress.second_opinion import quantise_second

    floats, _ = _float32(model, representative, scale)
    return quantise_second(floats, representative), "the image is cast and quantised in the file"


def _onnx_float32(model: Any, _representative: U8Array, scale: float) -> tuple[bytes, str]:
    from compress.export_onnx import export_onnx

    return export_onnx(model, scale), ""


def _onnx_int8(model: Any, representative: U8Array, scale: float) -> tuple[bytes, str]:
    from compress.export_onnx import export_onnx, quantise_onnx

    return quantise_onnx(export_onnx(model, scale), representative), ""


_MAKERS: dict[str, Callable[[Any, U8Array, float], tuple[bytes, str]]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _int8,
    "int8-float-out": _int8_float_out,
    "int8-int16-out": _int8_int16_out,
    "int16x8": _int16x8,
    "int8-mixed": _int8_mixed,
    "int8-second": _int8_second,
    "onnx-float32": _onnx_float32,
    "onnx-int8": _onnx_int8,
}
