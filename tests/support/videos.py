"""Video files as a microscope's program records them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.contract.types import U8Array

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "MJPG", ".mov": "mp4v"}


def write_video(path: Path, images: Sequence[U8Array], fps: float) -> Path:
    """Writes (H,W,3) RGB images as a video of the suffix's kind."""
    height, width = images[0].shape[:2]
    codec = cv2.VideoWriter.fourcc(*_CODECS[path.suffix])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, fps, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
