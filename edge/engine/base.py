"""What an engine does, and what came of a piece of work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

from edge.contract.errors import ClinicScopeError, ConfigError

T = TypeVar("T")
R = TypeVar("R")
# A function of a module, or a `functools.partial` of one over values that can be pickled: it may
# run in another process. It may be done again where its worker dies, so twice must be as once.
Task: TypeAlias = Callable[[T], R]

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)


@dataclass(frozen=True)
class EngineSettings:
    """Which engine.

    Attributes:
        name: one of ENGINES.
        address: HOST:PORT of a running Ray; empty starts one on this machine, for this call.
        workers: CPUs of Ray to use at once; 0 is all.

    Raises:
        ConfigError: settings that do not fit each other.
    """

    name: str = LOCAL
    address: str = ""
    workers: int = 0

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ConfigError(f"engine is {self.name!r}; known: {', '.join(ENGINES)}")
        if self.name == LOCAL and (self.address or self.workers):
            given = f"--address {self.address}" if self.address else f"--workers {self.workers}"
            raise ConfigError(f"{given} is for --engine ray; add that, or leave it out")
        if self.workers < 0:
            raise ConfigError(f"workers are {self.workers}; 0 for all CPUs, or more")


@dataclass(frozen=True)
class Done(Generic[R]):
    """What came of one piece of work: `value`, or where it failed `error` and no value.

    Attributes:
        index: which of the items, from 0.
    """

    index: int
    value: R | None = None
    error: ClinicScopeError | None = None

    def result(self) -> R:
        """The value. Raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Engine(ABC):
    """Does pieces of work. A context manager: at its end what it started is stopped.

    A piece's own ClinicScopeError comes back in its `Done` and the others go on; any other
    exception is a fault of the program and ends the work.
    """

    name: str

    @property
    @abstractmethod
    def cpus(self) -> int:
        """CPUs that are used at once, over all machines."""

    @property
    def node_cpus(self) -> int:
        """CPUs of the largest machine: a piece that takes so many has one to itself."""
        return self.cpus

    @abstractmethod
    def run(self, task: Task[T, R], items: Sequence[T], *, cpus: int = 1) -> Iterator[Done[R]]:
        """Few and heavy pieces, such as fits, as they finish; elsewhere each in a fresh process.

        Args:
            cpus: of one piece.

        Raises:
            ConfigError: no machine has so many CPUs.
        """

    @abstractmethod
    def stream(self, task: Task[T, R], items: Iterable[T], *, cpus: int = 1) -> Iterator[Done[R]]:
        """Any number of pieces, in any order; items are taken as room comes, so memory is bounded.

        Raises:
            ConfigError: no machine has so many CPUs.
        """

    def close(self) -> None:  # noqa: B027 - an engine that starts nothing has nothing to stop
        """Stops what was started; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def attempt(task: Task[Any, R], item: Any, index: int) -> Done[R]:
    """The piece, done here and now."""
    try:
        return Done(index, value=task(item))
    except ClinicScopeError as error:
        return Done(index, error=error)
