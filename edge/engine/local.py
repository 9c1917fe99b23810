"""The engine that is always there: one piece after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edge.engine.base import LOCAL, Done, Engine, R, T, Task, attempt


class LocalEngine(Engine):
    """In order, in this process."""

    name = LOCAL

    @property
    def cpus(self) -> int:
        """One piece at a time."""
        return 1

    def run(self, task: Task[T, R], items: Sequence[T], *, cpus: int = 1) -> Iterator[Done[R]]:
        """See `Engine.run`."""
        return self.stream(task, items, cpus=cpus)

    def stream(
        self,
        task: Task[T, R],
        items: Iterable[T],
        *,
        cpus: int = 1,  # noqa: ARG002 - for the task to keep to
    ) -> Iterator[Done[R]]:
        """See `Engine.stream`."""
        for index, item in enumerate(items):
            yield attempt(task, item, index)
