"""What a cheaper camera would have seen: half the resolution, and more harm where that is asked.

`halve` is the reference of the literature: bicubic with antialiasing (Pillow's, as MATLAB's
imresize). The realistic chain is in the manner of Real-ESRGAN (Wang 2021, arXiv:2107.10833), with
what a phone on an eyepiece does: blur, one of several ways to shrink, noise of light and of the
sensor, JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array

KINDS = ("bicubic", "realistic")
_SHRINK = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class DegradeSpec:
    """How a picture is made worse; every range is drawn from evenly.

    Attributes:
        kind: "bicubic", or "realistic": the chain.
        clean_share: of the pictures that are only halved although the kind is "realistic".
        blur_px: standard deviation before shrinking, in pixels of the good picture.
        noise: standard deviation of the sensor's noise, grey levels of 255.
        shot_noise: of the light's at white, grey levels; it goes with the root of the brightness.
        jpeg_quality: of the low-resolution file; its colours are stored at half resolution.
        jpeg_share: of the pictures that are stored as JPEG.
    """

    kind: str = "bicubic"
    clean_share: float = 0.0
    blur_px: tuple[float, float] = (0.2, 1.4)
    noise: tuple[float, float] = (0.0, 4.0)
    shot_noise: tuple[float, float] = (0.0, 4.0)
    jpeg_quality: tuple[int, int] = (60, 95)
    jpeg_share: float = 0.7

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"degrade.kind is {self.kind!r}; known: {', '.join(KINDS)}")
        for name in ("clean_share", "jpeg_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"degrade.{name} is {getattr(self, name)}; 0 to 1")
        for name in ("blur_px", "noise", "shot_noise", "jpeg_quality"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ConfigError(f"degrade.{name} is {low} to {high}; from 0, low to high")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise ConfigError(f"degrade.jpeg_quality is {self.jpeg_quality}; 1 to 100")


def halve(image: U8Array) -> U8Array:
    """(H,W,3) uint8 to (H/2,W/2,3): bicubic, antialiased. Raises DataError for an odd side."""
    height, width = image.shape[:2]
    if height % 2 or width % 2 or not image.size:
        raise DataError(f"image is {width}x{height} px; only even sides can be halved")
    half = Image.fromarray(image).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    return np.asarray(half, np.uint8)


def degrade(image: U8Array, spec: DegradeSpec, rng: np.random.Generator) -> U8Array:
    """(H,W,3) uint8 to (H/2,W/2,3), as `spec` asks. Raises DataError for an odd side."""
    if spec.kind == "bicubic" or rng.random() < spec.clean_share:
        return halve(image)
    height, width = image.shape[:2]
    if height % 2 or width % 2 or not image.size:
        raise DataError(f"image is {width}x{height} px; only even sides can be halved")
    blurred = _blur(image, rng.uniform(*spec.blur_px))
    how = _SHRINK[rng.integers(len(_SHRINK))]
    half = cv2.resize(blurred, (width // 2, height // 2), interpolation=how)
    noisy = _with_noise(half, rng.uniform(*spec.noise), rng.uniform(*spec.shot_noise), rng)
    if rng.random() >= spec.jpeg_share:
        return noisy
    low, high = spec.jpeg_quality
    return through_jpeg(noisy, int(rng.integers(low, high + 1)))


def _blur(image: U8Array, sigma_px: float) -> U8Array:
    return image if sigma_px < 0.05 else np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px))


def _with_noise(image: np.ndarray, sensor: float, shot: float, rng: np.random.Generator) -> U8Array:
    values = image.astype(np.float32)
    spread = np.sqrt(sensor**2 + shot**2 * values / 255)
    values += spread * rng.standard_normal(values.shape, np.float32)
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def through_jpeg(image: U8Array, quality: int) -> U8Array:
    """(H,W,3) as a JPEG file gives it back. Raises DataError where OpenCV writes none."""
    done, file = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise DataError(f"an image of {image.shape} cannot be stored as JPEG")
    return np.asarray(cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
