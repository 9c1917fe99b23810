"""What a field costs here beside decoding its JPEG, with more threads, and after many fields.

Everything takes turns in one run, so that whatever else the machine does meets all alike; ratios
are what counts. What one thread takes is told in its processor time, which waiting for others that
want the processor does not enter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.images import decode_image, encode_image
from edge.contract.types import Frame
from edge.screening.screener import Screener

# As many cells a square micrometre in both.
USUAL = SmearSettings(cells_per_field=110)
FIVE_MEGAPIXELS = SmearSettings(width_px=2592, height_px=1944, um_per_px=0.08, cells_per_field=200)
_SEED, _DRAWN = 1, 4
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class FieldRatio:
    """One kind of field on one thread, from JPEG bytes to calls.

    Attributes:
        cells: red cells found, median.
        decode_ms: processor time of cv2.imdecode alone, median.
        total_ms: processor time, median.
        ratio: median over the runs of total over decoding.
    """

    width_px: int
    height_px: int
    cells: float
    decode_ms: float
    total_ms: float
    ratio: float


@dataclass(frozen=True)
class ThreadGain:
    """Fields a second with a screener and a thread each.

    Attributes:
        ratio: median over the rounds of `many` over `one`.
    """

    threads: int
    one_per_s: float
    many_per_s: float
    ratio: float


@dataclass(frozen=True)
class MemoryGrowth:
    """Resident memory of this process, MB, after so many fields."""

    fields: tuple[int, int]
    resident_mb: tuple[float, float]

    @property
    def growth_mb(self) -> float:
        """From the first to the second."""
        return round(self.resident_mb[1] - self.resident_mb[0], 1)


def draw_jpegs(settings: SmearSettings) -> list[bytes]:
    """A few drawn fields as a camera stores them."""
    drawn = (draw_field(settings, _SEED, index) for index in range(_DRAWN))
    return [encode_image(field.image, ".jpg") for field in drawn]


def time_field(screener: Screener, jpegs: Sequence[bytes], runs: int) -> FieldRatio:
    """Times fields beside decoding them, in turns, on one thread of OpenCV's.

    Args:
        screener: opened on one thread.
        runs: timed; one of each field goes before.
    """
    rows = []
    with one_opencv_thread():
        for run in range(-len(jpegs), runs):
            jpeg = jpegs[run % len(jpegs)]
            started = time.thread_time()
            _decode(jpeg)
            decoded = time.thread_time()
            cells = _screen(screener, jpeg)
            done = time.thread_time()
            rows.append((1000 * (decoded - started), 1000 * (done - decoded), cells))
    decode, total, cells = np.array(rows[len(jpegs) :]).T
    height_px, width_px = _decode(jpegs[0]).shape[:2]
    return FieldRatio(
        width_px,
        height_px,
        float(np.median(cells)),
        round(float(np.median(decode)), 2),
        round(float(np.median(total)), 2),
        round(float(np.median(total / decode)), 2),
    )


def time_threads(
    screeners: Sequence[Screener], jpegs: Sequence[bytes], fields: int, rounds: int = 3
) -> ThreadGain:
    """Times as many fields a thread, by one thread and by one for each screener, in turns."""
    one, many = [], []
    with one_opencv_thread(), ThreadPoolExecutor(len(screeners)) as pool:
        for screener in screeners:
            _screen_all(screener, jpegs, len(jpegs))
        for _ in range(rounds):
            one.append(fields / _timed_s(lambda: _screen_all(screeners[0], jpegs, fields)))
            took_s = _timed_s(
                lambda: list(pool.map(lambda own: _screen_all(own, jpegs, fields), screeners))
            )
            many.append(fields * len(screeners) / took_s)
    ratio = float(np.median(np.array(many) / np.array(one)))
    return ThreadGain(
        len(screeners),
        round(float(np.median(one)), 2),
        round(float(np.median(many)), 2),
        round(ratio, 2),
    )


def measure_memory(
    screener: Screener, jpegs: Sequence[bytes], fields: tuple[int, int] = (10, 200)
) -> MemoryGrowth | None:
    """Resident memory after the first and the second number of fields; None where the system does
    not tell.
    """
    if not _STATM.is_file():
        return None
    _screen_all(screener, jpegs, fields[0])
    first = _resident_mb()
    _screen_all(screener, jpegs, fields[1] - fields[0])
    return MemoryGrowth(fields, (first, _resident_mb()))


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV on one thread, and as it was afterwards."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))


def _screen(screener: Screener, jpeg: bytes) -> int:
    return screener.screen(Frame(decode_image(jpeg), "bench")).rbc_count


def _screen_all(screener: Screener, jpegs: Sequence[bytes], fields: int) -> None:
    for index in range(fields):
        _screen(screener, jpegs[index % len(jpegs)])


def _timed_s(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _resident_mb() -> float:
    import resource

    pages = int(_STATM.read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)
