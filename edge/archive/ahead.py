"""A few things fetched at once, in the order in which they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 16


def fetch_ahead(fetch: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each item with what was fetched; never more than AT_ONCE are held.

    Raises:
        Whatever `fetch` raises, at that item.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        coming: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                coming.append((item, threads.submit(fetch, item)))
                if len(coming) >= AT_ONCE:
                    first, future = coming.popleft()
                    yield first, future.result()
            while coming:
                first, future = coming.popleft()
                yield first, future.result()
        finally:
            for _, future in coming:
                future.cancel()
