"""How many requests were answered, with what, and how long each took, by endpoint.

The time is the server's own: from when the request was read to when its answer began.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter

from flask import Flask, Response, g, request

from web_ui.metrics.exposition import COUNTER, HISTOGRAM, Family, Sample

# Seconds. 0.1 is what every page is to keep.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_NOTHING = "none"


class Meter:
    """Counts since the start of the process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def note(self, method: str, endpoint: str, code: int, seconds: float) -> None:
        """One request was answered."""
        with self._lock:
            self._answers[method, endpoint, code] += 1
            counts = self._times.setdefault(endpoint, [0] * (len(BUCKETS) + 1))
            counts[bisect_left(BUCKETS, seconds)] += 1
            self._seconds[endpoint] = self._seconds.get(endpoint, 0.0) + seconds

    def families(self) -> tuple[Family, Family]:
        """Answers and times, as they are now."""
        with self._lock:
            answers = dict(self._answers)
            times = {endpoint: tuple(counts) for endpoint, counts in self._times.items()}
            seconds = dict(self._seconds)
        counted = tuple(
            Sample(count, (("method", method), ("endpoint", endpoint), ("code", str(code))))
            for (method, endpoint, code), count in sorted(answers.items())
        )
        timed = tuple(
            sample
            for endpoint, counts in sorted(times.items())
            for sample in _histogram(endpoint, counts, seconds[endpoint])
        )
        return (
            Family("clinicscope_http_requests_total", COUNTER, "Answered requests.", counted),
            Family(
                "clinicscope_http_request_duration_seconds",
                HISTOGRAM,
                "Time from a request to the beginning of its answer.",
                timed,
            ),
        )


def _histogram(endpoint: str, counts: tuple[int, ...], seconds: float) -> list[Sample]:
    label, total, samples = ("endpoint", endpoint), 0, []
    for bound, count in zip((*BUCKETS, None), counts, strict=True):
        total += count
        told = "+Inf" if bound is None else f"{bound:g}"
        samples.append(Sample(total, (label, ("le", told)), "_bucket"))
    return [*samples, Sample(seconds, (label,), "_sum"), Sample(total, (label,), "_count")]


def measure(app: Flask, meter: Meter) -> None:
    """Lets an app count. Register before all else that looks at a request.

    Each answer says how long it took in `Server-Timing`, which browsers show.
    """

    def begin() -> None:
        g.began_s = time.perf_counter()

    def end(response: Response) -> Response:
        # Where a body was too large nothing began.
        seconds = time.perf_counter() - g.get("began_s", time.perf_counter())
        meter.note(request.method, request.endpoint or _NOTHING, response.status_code, seconds)
        response.headers["Server-Timing"] = f"app;dur={1000 * seconds:.1f}"
        return response

    app.before_request(begin)
    app.after_request(end)
