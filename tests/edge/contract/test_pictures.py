"""Pictures to look at: grey and transparent ones stay so, tags turn them, words go with them."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge.contract.errors import ImageError
from edge.contract.images import decode_picture, encode_image, read_picture
from edge.contract.orientation import read_orientation, turn_upright
from edge.contract.png_text import add_text, file_says

RNG = np.random.default_rng(4)
RGB = RNG.integers(0, 256, (6, 9, 3), np.uint8)
ORIENTATION = 0x0112


def encoded(image: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()


def test_colour_grey_and_alpha_come_as_they_are() -> None:
    alpha = RNG.integers(0, 256, (6, 9), np.uint8)
    for image in (RGB, RGB[:, :, 0], np.dstack([RGB, alpha])):
        assert np.array_equal(decode_picture(encode_image(image)), image)


def test_deep_samples_are_scaled_alike_whatever_their_range() -> None:
    dark = np.full((2, 3), 20 * 257, np.uint16)
    assert (decode_picture(encoded(dark)) == 20).all()
    assert decode_picture(encoded(np.dstack([dark] * 4))).shape == (2, 3, 4)


@pytest.mark.parametrize("transparency", [None, 0])
def test_palette_and_bits_become_bytes(tmp_path: Path, transparency: int | None) -> None:
    picture = Image.fromarray(RGB).quantize(8)
    extra = {} if transparency is None else {"transparency": transparency}
    picture.save(tmp_path / "palette.png", **extra)
    found = read_picture(tmp_path / "palette.png")
    assert np.array_equal(found[:, :, :3], np.asarray(picture.convert("RGB")))
    assert found.shape[2] == (3 if transparency is None else 4)
    Image.fromarray(RGB[:, :, 0] > 127).save(tmp_path / "bits.png")
    assert set(np.unique(read_picture(tmp_path / "bits.png"))) <= {0, 255}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    from PIL import ImageOps

    smooth = cv2.resize(RGB, (90, 60), interpolation=cv2.INTER_CUBIC)
    picture, exif = Image.fromarray(smooth), Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned{suffix}"
    picture.save(path, exif=exif, quality=95)
    assert read_orientation(path.read_bytes()) == orientation
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    found = read_picture(path)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 1


def test_grey_is_turned_too() -> None:
    grey = RGB[:, :, 0]
    assert np.array_equal(turn_upright(grey, 6), np.rot90(grey, -1))


def exif(order: str, tag: int, kind: int, value: int) -> bytes:
    """A JPEG's head with one entry."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    tiff = mark + struct.pack(f"{order}IHHHIHH", 8, 1, tag, kind, 1, value, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body + b"\xff\xda"


def test_tag_is_read_in_both_byte_orders_and_odd_ones_are_ignored() -> None:
    assert read_orientation(exif("<", ORIENTATION, 3, 6)) == 6
    assert read_orientation(exif(">", ORIENTATION, 3, 8)) == 8
    for odd in (
        exif("<", ORIENTATION, 3, 9),
        exif("<", ORIENTATION, 4, 6),
        exif("<", ORIENTATION + 1, 3, 6),
        exif("<", ORIENTATION, 3, 6).replace(b"II*", b"XX*"),
        b"BM no tags here",
    ):
        assert read_orientation(odd) == 1


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 40), st.booleans())
def test_damaged_tags_do_no_harm(noise: bytes, at: int, cut: bool) -> None:
    for start in (
        exif("<", ORIENTATION, 3, 6),
        b"\x89PNG\r\n\x1a\n" + b"\0" * 30,
        b"RIFF" + b"0" * 40,
    ):
        data = start[:at] + noise + (b"" if cut else start[at:])
        assert 1 <= read_orientation(data) <= 8


def test_too_large_or_cut_off_is_refused() -> None:
    data = encoded(RGB)
    with pytest.raises(ImageError, match="9 x 6 px, more than the"):
        decode_picture(data, max_pixels=53)
    assert decode_picture(data, max_pixels=54).shape == (6, 9, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode_picture(data[:-20])
    with pytest.raises(ImageError, match="not an image"):
        decode_picture(b"text")


def test_words_are_read_by_others_and_leave_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "said.png"
    path.write_bytes(add_text(encode_image(RGB), "Comment", "enhanced, by \u0416"))
    with Image.open(path) as opened:
        opened.load()
        assert opened.text == {"Comment": "enhanced, by ?"}
        assert np.array_equal(np.asarray(opened), RGB)
    assert np.array_equal(read_picture(path), RGB)
    assert file_says(path, "Comment", "enhanced")
    assert not file_says(path, "Comment", "by")
    assert not file_says(path, "Author", "enhanced")
    (tmp_path / "plain.png").write_bytes(encode_image(RGB))
    assert not file_says(tmp_path / "plain.png", "Comment", "enhanced")
