"""One HTML file with everything in it: no script, no outside address, readable in print."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.contract.types import U8Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parent / "templates"


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Renders `templates/TEMPLATE` to one HTML file, whole or not at all."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    room = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(room.get_template(template).render(**values), encoding="utf-8")
    partial.replace(path)
    return path


def new_figure(width_in: float = 6.0, height_in: float = 4.0) -> Figure:
    """A figure that belongs to no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def figure_uri(figure: Figure) -> str:
    """The figure as a data address: SVG, so that print is sharp."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _uri("image/svg+xml", buffer.getvalue())


def image_uri(image: U8Array, side_px: int = 0) -> str:
    """(H,W,3) uint8 RGB as a data address: JPEG, scaled so that the longer side is `side_px`."""
    if side_px:
        scale = side_px / max(image.shape[:2])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, size, interpolation=kind), np.uint8)
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return _uri("image/jpeg", data.tobytes())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
