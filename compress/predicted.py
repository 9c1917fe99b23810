"""What a model file should take on a device nobody has at hand: from its own count of MACs.

Nothing here is measured; `devices.toml` says where each number is from, and `clinicscope bench` on
the device is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compress.devices import PREDICTED, Device, Prediction, predict_ms
from compress.kernels import cost_of_kernels, kernels_of
from edge.bench.bare import bare_of
from edge.bench.graph import macs_of, multiplies_floats
from edge.contract.bundle import Bundle
from edge.contract.errors import DataError
from edge.protocol import Protocol

# An ONNX file: INT8 takes a byte a parameter and what describes the graph, float four.
_FLOAT_BYTES = 3


@dataclass(frozen=True)
class Predicted:
    """One network on one device.

    Attributes:
        macs: multiply-accumulates of one image, counted in the file.
        bits: "int8" or "float32", of its kernels.
        ms, slow_ms: of one image, at best and at worst.
        slide_s, slow_slide_s: of the protocol's minimum of red cells, by this network alone:
            decoding, finding cells and everything else come on top and are not predicted.
        kind: always PREDICTED.
    """

    name: str
    device: str
    macs: int
    bytes: int
    bits: str
    ms: float
    slow_ms: float
    slide_s: float
    slow_slide_s: float
    kind: str = PREDICTED


def predict_file(path: Path, device: Device, protocol: Protocol) -> Predicted:
    """Of a TFLite or ONNX file.

    Raises:
        DataError: it cannot be read, or the device runs no such numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"model {path} cannot be read: {error.strerror}") from error
    format_ = "onnx" if path.suffix == ".onnx" else "tflite"
    return predict_content(f"{path.parent.name}/{path.name}", format_, content, device, protocol)


def predict_bundle(bundle: Bundle, device: Device, protocol: Protocol) -> list[Predicted]:
    """Of each network that looks at single cells, in the first format that the device runs."""
    found = []
    for role in ("classifier", "novelty"):
        files = [one for one in bundle.manifest.weights if one.role == role]
        runs = [one for name in device.formats for one in files if one.format == name]
        if runs:
            name = f"{bundle.manifest.bundle_id}, {role}"
            content = bundle.weights_bytes(runs[0])
            found.append(predict_content(name, runs[0].format, content, device, protocol))
    return found


def predict_content(
    name: str, format_: str, content: bytes, device: Device, protocol: Protocol
) -> Predicted:
    """Of a file's content; see `predict_file`."""
    macs, is_float = _count(name, format_, content)
    if not macs:
        raise DataError(f"{name} does not say the sizes of its images; its MACs are not counted")
    bits = "float32" if is_float else "int8"
    found: Prediction = predict_ms(device, macs, len(content), bits)
    slide_s, slow_slide_s = (
        round(protocol.minimum_rbc_count * ms / 1000, 2) for ms in (found.ms, found.slow_ms)
    )
    return Predicted(
        name,
        device.title,
        macs,
        len(content),
        bits,
        round(found.ms, 4),
        round(found.slow_ms, 4),
        slide_s,
        slow_slide_s,
    )


def _count(name: str, format_: str, content: bytes) -> tuple[int, bool]:
    """Multiply-accumulates of one image, and whether they are of floats."""
    if format_ == "tflite":
        # Says what is wrong with a file that is none.
        bare_of(format_, content, name)
        return macs_of(content) or 0, multiplies_floats(content)
    cost = cost_of_kernels(kernels_of(format_, content, name))
    return cost.macs, len(content) > _FLOAT_BYTES * cost.parameters
