"""The slides of one walk over an archive, kept on disk: an archive may have millions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from edge.archive.sources import Slide


class FoundSlides:
    """Slides in the order in which they are added; a context manager, gone at its end."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.count = 0

    def add(self, slide: Slide) -> None:
        """Takes the next one."""
        self._file.write(json.dumps([slide.slide_id, slide.fingerprint]) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[Slide]:
        self._file.seek(0)
        for line in self._file:
            yield Slide(*json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
