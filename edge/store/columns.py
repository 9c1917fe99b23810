"""How values lie in the columns of the database, and the base of every table."""

from __future__ import annotations

import json
import os
import re
import zlib
from functools import cache
from typing import Any, ClassVar

import numpy as np
import orjson
from sqlalchemy import Float, LargeBinary, Text, inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from edge.contract.errors import StoreError

# How Python spells the bytes of a file name that are not UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")


def _to_json(value: Any) -> str:
    # ASCII, so that a file name that is no valid UTF-8 is kept, and no NaN, which is no JSON.
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_default)


def _from_json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        # It knows no half of a surrogate pair, which an odd file name may hold.
        return json.loads(text)


def _default(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else os.fspath(value)


class AsWritten(TypeDecorator[str]):
    """Text kept as it came; as bytes where UTF-8 cannot say it (odd file names)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """To what SQLite keeps."""
        if value is None or not _SURROGATE.search(value):
            return value
        return value.encode(errors="surrogatepass")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """From what SQLite kept."""
        return value.decode(errors="surrogatepass") if isinstance(value, bytes) else value


class PlainJson(TypeDecorator[Any]):
    """Compact JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text; NaN is refused."""
        return None if value is None else _to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From text. Raises StoreError on damage."""
        try:
            return None if value is None else _from_json(value)
        except ValueError as error:
            raise _damaged(error) from error


class PackedJson(TypeDecorator[Any]):
    """Compact JSON, compressed: a crowded field has a thousand cells."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes:  # noqa: ARG002
        """To compressed bytes; NaN is refused."""
        return zlib.compress(_to_json(value).encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From compressed bytes. Raises StoreError on damage."""
        try:
            return _from_json(zlib.decompress(value))
        except (ValueError, TypeError, zlib.error) as error:
            raise _damaged(error) from error


def _damaged(error: Exception) -> StoreError:
    return StoreError(f"a record is damaged ({error}); restore the last backup")


class Base(DeclarativeBase):
    """The metadata that the migrations are held against."""

    type_annotation_map: ClassVar = {
        str: AsWritten,
        float: Float,  # SQLAlchemy 2.0 and 2.1 differ in their own choice
        dict[str, Any]: PlainJson,
        dict[str, float]: PlainJson,
        dict[str, int]: PlainJson,
    }

    def values(self) -> dict[str, Any]:
        """The row's values by attribute."""
        return {name: getattr(self, name) for name in _names(type(self))}


@cache
def _names(table: type[Base]) -> tuple[str, ...]:
    return tuple(inspect(table).column_attrs.keys())
