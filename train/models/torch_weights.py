"""Reads weights that PyTorch saved before version 1.6, without PyTorch and without trusting them.

Such a file is a row of pickles (magic number, protocol, system, state dict, storage keys) and then
the raw storages. Pickle can run anything, so only the three names that a state dict needs are let
through (format: torch/serialization.py, `_legacy_load`).
"""

from __future__ import annotations

import math
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge.contract.errors import ConfigError, DataError

_MAGIC = 0x1950A86A20F9469CFC6C
# What unpickling and cutting raise on bytes that are no such file.
_MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    struct.error,
)
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.values = np.zeros(0, dtype)


class _Tensor:
    """A view that can be cut once the storages, which come last in the file, are read."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: Any,
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def cut(self) -> np.ndarray:
        """A copy. Strides matter: converted weights are often stored transposed."""
        values = self.storage.values[self.offset :]
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        # A stride of 0 would let a small file ask for any amount of memory.
        too_many = math.prod(self.shape) > len(values)
        if min((*self.shape, *self.strides, 1)) < 0 or last >= len(values) or too_many:
            raise ValueError(f"tensor of shape {self.shape} reaches outside its storage")
        steps = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, steps).copy()


class _StateUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise DataError(f"weights file asks for {module}.{name}; only plain tensors are read")

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return self.storages.setdefault(key, _Storage(dtype))


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a legacy `.pth`.

    Raises:
        ConfigError: there is no such file.
        DataError: not such a file, cut short, or holding anything but plain tensors.
    """
    if not path.is_file():
        raise ConfigError(f"weights file is {str(path)!r}: there is no such file")
    storages: dict[str, _Storage] = {}
    try:
        with path.open("rb") as file:
            magic, *_ = (_StateUnpickler(file, {}).load() for _ in range(3))
            if magic != _MAGIC:
                raise DataError(f"{path} is no legacy PyTorch weights file (magic {magic!r})")
            state = _StateUnpickler(file, storages).load()
            for key in _StateUnpickler(file, {}).load():
                _fill(storages[key], file)
        return {name: tensor.cut() for name, tensor in state.items()}
    except (*_MALFORMED, OSError) as error:
        raise DataError(f"{path} cannot be read as PyTorch weights: {error!r}") from error


def _fill(storage: _Storage, file: BinaryIO) -> None:
    (count,) = struct.unpack("<q", file.read(8))
    raw = file.read(count * storage.dtype.itemsize)
    storage.values = np.frombuffer(raw, storage.dtype)
    if len(storage.values) != count:
        raise ValueError(f"storage of {count} values has {len(storage.values)}")
