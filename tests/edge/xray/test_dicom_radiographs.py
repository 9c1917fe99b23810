"""DICOM files of chests: grey levels as a viewer shows them, and each refusal with its reason."""

from __future__ import annotations

import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from edge.contract.errors import ImageError
from edge.contract.images import encode_image
from edge.xray import dicom_file
from edge.xray.dicom_file import is_dicom
from edge.xray.radiograph import decode_radiograph, encode_radiograph
from tests.support.drawn_radiographs import draw_chest, write_dicom

LOSSLESS, HIGH_THROUGHPUT = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.201"


def grey_of(data: bytes) -> np.ndarray:
    image = decode_radiograph(data)
    assert image.ndim == 3 and image.dtype == np.uint8
    assert (image == image[:, :, :1]).all()
    return image[:, :, 0]


def test_plain_8_bit_picture_in_its_window_comes_out_as_it_is() -> None:
    chest = draw_chest()
    data = write_dicom(chest, WindowCenter=128, WindowWidth=256)
    assert is_dicom(data) and not is_dicom(encode_image(chest))
    assert np.abs(grey_of(data).astype(int) - chest).max() <= 1


def test_16_bits_signed_rescaled_and_windowed() -> None:
    chest = draw_chest()
    stored = (chest.astype(np.int16) * 8) - 1000
    data = write_dicom(
        stored, RescaleSlope=2, RescaleIntercept=2000, WindowCenter=2040.5, WindowWidth=4081
    )
    assert np.abs(grey_of(data).astype(int) - chest).max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_cuts_and_keeps_the_order_of_grey(function: str) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
    changes = {"WindowCenter": [100, 50], "WindowWidth": [80, 10], "VOILUTFunction": function}
    row = grey_of(write_dicom(ramp, **changes))[0].astype(int)
    assert (np.diff(row) >= 0).all() and abs(row[100] - 128) <= 3
    if function != "SIGMOID":
        assert row[50] == 0 and row[150] == 255
    assert row[20] < 10 and row[200] > 245


def test_monochrome1_is_turned_and_padding_is_black() -> None:
    chest = draw_chest()
    turned = (255 - chest).astype(np.uint8)
    turned[:20] = 255
    turned[turned == 255] = 254
    turned[:20] = 255
    data = write_dicom(
        turned,
        PhotometricInterpretation="MONOCHROME1",
        PresentationLUTShape="INVERSE",
        WindowCenter=128,
        WindowWidth=256,
        PixelPaddingValue=255,
    )
    found = grey_of(data)
    assert (found[:20] == 0).all()
    assert np.abs(found[20:].astype(int) - chest[20:]).max() <= 2


def test_without_a_window_the_ends_of_the_grey_levels_are_taken() -> None:
    chest = draw_chest().astype(np.uint16) * 13 + 700
    chest[0, 0] = 65535  # a dead pixel
    found = grey_of(write_dicom(chest))
    low, high = np.percentile(found, [1, 99])
    assert low < 20 and high > 235
    assert np.corrcoef(found[1:].ravel(), draw_chest()[1:].ravel())[0, 1] > 0.999


def test_table_of_grey_levels_is_followed() -> None:
    chest = draw_chest()
    item = Dataset()
    item.LUTDescriptor = [256, 0, 8]
    item.LUTData = np.arange(255, -1, -1, dtype=np.uint16).tobytes()
    item["LUTData"].VR = "OW"
    found = grey_of(write_dicom(chest, VOILUTSequence=Sequence([item])))
    assert np.abs(found.astype(int) - (255 - chest.astype(int))).max() <= 1


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, RLELossless])
def test_compressed_pictures_that_can_be_read_are_read(syntax: Any) -> None:
    chest = draw_chest()
    if syntax == RLELossless:
        frame = _rle(chest)
    else:
        suffix = ".jpg" if syntax == JPEGBaseline8Bit else ".jp2"
        encoded = cv2.imencode(suffix, chest)[1].tobytes()
        frame = encoded if suffix == ".jpg" else encoded[encoded.index(b"\xff\x4f\xff\x51") :]
    data = write_dicom(
        chest, syntax, PixelData=encapsulate([frame]), WindowCenter=128, WindowWidth=256
    )
    assert np.abs(grey_of(data).astype(int) - chest).mean() < 3


def _rle(chest: np.ndarray) -> bytes:
    from pydicom.pixels.encoders.base import EncodeRunner
    from pydicom.pixels.encoders.native import _encode_frame

    runner = EncodeRunner(RLELossless)
    runner.set_options(
        rows=chest.shape[0], columns=chest.shape[1], samples_per_pixel=1, bits_allocated=8,
        bits_stored=8, pixel_representation=0, photometric_interpretation="MONOCHROME2",
        number_of_frames=1,
    )  # fmt: skip
    return bytes(_encode_frame(chest.tobytes(), runner))


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (["R", "F"], lambda chest: chest[:, ::-1]),
        (["L", "H"], lambda chest: chest[::-1]),
        (["F", "L"], lambda chest: chest.T),
        (["L", "F"], lambda chest: chest),
        (["P", "F"], lambda chest: chest),
    ],
)
def test_picture_is_turned_as_its_header_says(orientation: list[str], undo: Any) -> None:
    chest = draw_chest(opacity=60)
    window = {"WindowCenter": 128, "WindowWidth": 256}
    found = grey_of(write_dicom(chest, PatientOrientation=orientation, **window))
    assert np.abs(found.astype(int) - undo(chest)).max() <= 1


def test_name_in_the_header_is_not_kept() -> None:
    data = write_dicom(draw_chest(), WindowCenter=128, WindowWidth=256)
    assert b"Secret" in data
    kept = encode_radiograph(decode_radiograph(data))
    assert kept.startswith(b"\x89PNG") and b"Secret" not in kept


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Modality": "CT"}, "of modality 'CT'; a chest X-ray is CR or DX"),
        ({"BodyPartExamined": "HAND"}, "shows 'HAND'; send a picture of a chest"),
        ({"ViewPosition": "LL"}, "a lateral view"),
        ({"BurnedInAnnotation": "YES"}, "text burnt into its picture"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "photometry 'PALETTE COLOR'"),
        ({"PhotometricInterpretation": None}, "photometry ''"),
        ({"PresentationLUTShape": "INVERSE"}, "both MONOCHROME2 and INVERSE"),
        ({"NumberOfFrames": 12}, "holds 12 frames"),
        ({"BitsAllocated": 32}, "32 bits a sample"),
        ({"PixelSpacing": [0.2, 0.1]}, "pixels that are not square"),
        ({"WindowCenter": 100, "WindowWidth": 0}, "a window of width 0"),
        ({"WindowCenter": 1, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "of the kind 'CUBIC'"),
        ({"Rows": 60000, "Columns": 60000}, "more than the 100 megapixels"),
        ({"Rows": 0}, "image is 200 x 0 px"),
        ({"PixelData": None}, "holds no picture"),
        ({"PixelData": b"\0" * 90}, "cannot be read"),
        ({"Rows": None}, "cannot be read"),
    ],
)
def test_what_is_no_readable_chest_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ImageError, match=why):
        decode_radiograph(write_dicom(draw_chest(), **changes))


@pytest.mark.parametrize("syntax", [LOSSLESS, HIGH_THROUGHPUT])
def test_compression_that_is_not_read_is_named(syntax: str) -> None:
    data = write_dicom(draw_chest(), syntax, PixelData=encapsulate([b"\xff\xd8\xff\xd9"]))
    with pytest.raises(ImageError, match=r"compressed as .*JPEG.*store it uncompressed"):
        decode_radiograph(data)


def test_deflated_file_is_refused_before_it_is_inflated() -> None:
    plain = write_dicom(draw_chest())
    bomb = plain.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")[:400]
    with pytest.raises(ImageError, match="deflated as a whole"):
        decode_radiograph(bomb + zlib.compress(b"\0" * 10_000_000))


def test_grey_stored_as_colour_is_read_and_16_bits_of_colour_are_not() -> None:
    chest = draw_chest()
    colours = np.dstack([chest] * 3)
    assert (decode_radiograph(write_dicom(colours)) == colours).all()
    with pytest.raises(ImageError, match="16 bits a sample; 8 or 16 are read, in colour 8"):
        decode_radiograph(write_dicom(colours.astype(np.uint16)))


def test_every_cut_of_a_file_is_an_image_error() -> None:
    data = write_dicom(draw_chest(), WindowCenter=128, WindowWidth=256)
    for end in (0, 10, 131, 132, 140, 200, 300, 500, 700, len(data) // 2, len(data) - 10):
        with pytest.raises(ImageError):
            decode_radiograph(data[:end])


def test_flipped_bytes_of_the_header_raise_nothing_but_image_errors() -> None:
    data = write_dicom(draw_chest(), WindowCenter=128, WindowWidth=256)
    rng = np.random.default_rng(5)
    for at in rng.integers(132, 900, 150):
        broken = bytearray(data)
        broken[at] ^= int(rng.integers(1, 256))
        try:
            decode_radiograph(bytes(broken))
        except ImageError:
            continue


def test_pictures_of_phones_are_turned_upright() -> None:
    chest = draw_chest(opacity=60)
    jpeg = cv2.imencode(".jpg", np.ascontiguousarray(chest.T))[1].tobytes()
    tag = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x05\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tag
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    found = decode_radiograph(turned)[:, :, 0]
    assert found.shape == chest.shape
    assert np.abs(found.astype(int) - chest).mean() < 4


def test_without_pydicom_the_file_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_dicom(draw_chest())
    monkeypatch.setattr(dicom_file, "find_spec", lambda _: None)
    with pytest.raises(ImageError, match="needs pydicom, which is not installed here"):
        decode_radiograph(data)
