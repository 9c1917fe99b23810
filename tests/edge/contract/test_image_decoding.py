"""Whatever bytes arrive as an image: decoded, or refused with the reason; never half an image."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.errors import ImageError
from edge.contract.image_header import read_header
from edge.contract.images import decode_image, encode_image, list_images, read_image

RNG = np.random.default_rng(1)
IMAGE = cv2.GaussianBlur(RNG.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 3)


def encoded(suffix: str, image: np.ndarray = IMAGE) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def huge_png(width: int, height: int) -> bytes:
    """A valid PNG header and one tiny data chunk: kilobytes that claim gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_decode_gives_rgb_of_the_size_in_the_header(suffix: str) -> None:
    data = encoded(suffix)
    header = read_header(data)
    image = decode_image(data)
    assert (header.height_px, header.width_px, header.complete) == (48, 64, True)
    assert image.shape == (48, 64, 3)
    assert np.abs(image[:, :, ::-1].astype(int) - IMAGE).mean() < 12


@pytest.mark.parametrize(
    "flags", [[], [cv2.IMWRITE_WEBP_QUALITY, 101], [cv2.IMWRITE_WEBP_QUALITY, 50]]
)
def test_webp_variants_have_their_size_read(flags: list[int]) -> None:
    data = cv2.imencode(".webp", IMAGE, flags)[1].tobytes()
    header = read_header(data)
    assert (header.width_px, header.height_px, header.complete) == (64, 48, True)


def test_webp_with_alpha_is_masked() -> None:
    rgba = np.dstack([IMAGE, np.zeros((48, 64), np.uint8)])
    rgba[:, 32:, 3] = 255
    image = decode_image(cv2.imencode(".webp", rgba, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes())
    assert not image[:, :32].any()
    assert image[:, 32:].any()


def test_progressive_jpeg_is_complete() -> None:
    data = cv2.imencode(".jpg", IMAGE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert read_header(data).complete
    assert decode_image(data).shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_truncated_image_is_refused(suffix: str, share: float) -> None:
    data = encoded(suffix)
    with pytest.raises(ImageError, match=r"truncated|breaks off|not an image|damaged"):
        decode_image(data[: int(len(data) * share)])


def test_text_called_png_is_refused_with_its_first_bytes() -> None:
    with pytest.raises(ImageError, match=r"not an image .starts with 68 65 6c 6c 6f"):
        decode_image(b"hello world, no pixels here")


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="starts with nothing"):
        read_image(path)


def test_enormous_image_is_refused_before_decoding() -> None:
    with pytest.raises(ImageError, match="30000 x 30000 px"):
        decode_image(huge_png(30_000, 30_000))


def test_zero_width_is_refused() -> None:
    with pytest.raises(ImageError, match="0 x 10 px"):
        decode_image(huge_png(0, 10))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_grey_image_is_refused(suffix: str) -> None:
    grey = encoded(suffix, IMAGE[:, :, 0])
    with pytest.raises(ImageError, match="grey"):
        decode_image(grey)
    assert decode_image(grey, may_be_grey=True).shape == (48, 64, 3)


def test_jpeg_is_decoded_as_opencv_does_whatever_its_orientation_tag() -> None:
    plain = encoded(".jpg")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (64, 48, 3)
    expected = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    for data in (plain, turned):
        assert np.array_equal(decode_image(data), expected)


def test_sixteen_bits_scale_alike_whatever_their_range() -> None:
    bright = (IMAGE.astype(np.uint16)) * 257
    assert np.array_equal(decode_image(encoded(".png", bright))[:, :, ::-1], IMAGE)
    dark = bright // 16
    assert decode_image(encoded(".png", dark)).max() <= 16


def test_alpha_becomes_the_black_mask() -> None:
    rgba = np.dstack([IMAGE, np.full((48, 64), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    image = decode_image(encoded(".png", rgba))
    assert not image[:10].any()
    assert np.array_equal(image[10:, :, ::-1], IMAGE[10:])


def test_encode_and_decode_png_is_lossless() -> None:
    assert np.array_equal(decode_image(encode_image(IMAGE, ".png")), IMAGE)


def test_missing_file_is_an_image_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path / "none.png")


def test_list_images_is_sorted_and_leaves_out_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.JPG", "a/.hidden.png", ".cache/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in list_images(tmp_path)] == ["c.JPG", "b.png"]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".png", ".jpg", ".webp", ".bmp"]))
def test_damaged_bytes_never_raise_anything_else(data: bytes, suffix: str) -> None:
    good = bytearray(encoded(suffix))
    at = len(data) % len(good)
    good[at : at + len(data)] = data
    try:
        image = decode_image(bytes(good), max_pixels=10_000)
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
