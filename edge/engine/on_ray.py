"""Ray as the engine: a cluster that runs, or one that is started here for this call.

Heavy pieces are Ray tasks, each in a fresh process; streams go through Ray Data, whose
back-pressure bounds what waits. A piece whose worker or node dies is done again elsewhere.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from edge.contract.errors import ConfigError, DeviceLostError
from edge.engine.base import RAY, Done, Engine, EngineSettings, R, T, Task
from edge.engine.environment import environment
from edge.engine.ray_start import check_nodes, start_ray, stop_ray
from edge.engine.ray_worker import Fault, OtherVersionError, pack_environment, the_ray, work

# Of a piece whose worker dies: what kills each worker that takes it must not kill them for ever.
TRIES = 4
# Pieces that are handed to Ray Data together; the next ones when all of them are done.
WINDOW = 1000
WINDOW_PER_CPU = 50

log = logging.getLogger(__name__)


class RayEngine(Engine):
    """See the module.

    Raises:
        ConfigError: Ray is not installed, refuses this program, or its nodes differ in versions.
        HardwareError: nothing answers at the address.
    """

    name = RAY

    def __init__(self, settings: EngineSettings) -> None:
        self._workers = settings.workers
        self._started = start_ray(settings)
        try:
            check_nodes(environment())
        except BaseException:
            self.close()
            raise
        self._environment = pack_environment()

    @property
    def cpus(self) -> int:
        """CPUs of all nodes that are there now, or as many as are to be used."""
        ray = the_ray()

        total = int(ray.cluster_resources().get("CPU", 0))
        return min(self._workers, total) if self._workers else total

    @property
    def node_cpus(self) -> int:
        """See `Engine.node_cpus`."""
        alive = [node for node in the_ray().nodes() if node["Alive"]]
        return int(max((node["Resources"].get("CPU", 0) for node in alive), default=0))

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends."""
        if self._started:
            self._started = False
            stop_ray()

    def run(self, task: Task[T, R], items: Sequence[T], *, cpus: int = 1) -> Iterator[Done[R]]:
        """See `Engine.run`."""
        ray = the_ray()

        self._check_room(cpus)
        remote = ray.remote(
            num_cpus=cpus, max_calls=1, max_retries=TRIES - 1, scheduling_strategy="SPREAD"
        )(work)
        given = ray.put(task)
        waiting = iter(enumerate(items))
        running: dict[Any, int] = {}
        while True:
            room = self._at_once(cpus) - len(running)
            for index, item in islice(waiting, max(0, room)):
                running[remote.remote(given, self._environment, index, item)] = index
            if not running:
                return
            (first,), _ = ray.wait(list(running), num_returns=1)
            yield _checked(_fetch(first, running.pop(first)))

    def stream(self, task: Task[T, R], items: Iterable[T], *, cpus: int = 1) -> Iterator[Done[R]]:
        """See `Engine.stream`."""
        self._check_room(cpus)
        left = iter(enumerate(items))
        while window := list(islice(left, max(WINDOW, WINDOW_PER_CPU * self.cpus))):
            missing = dict(window)
            for done in self._window(task, window, cpus):
                # A block that is fetched while its node goes can come a second time.
                if missing.pop(done.index, _GONE) is not _GONE:
                    yield _checked(done)
            for index in missing:
                yield Done(index, error=_lost("a worker"))

    def _window(
        self, task: Task[T, R], window: Sequence[tuple[int, T]], cpus: int
    ) -> Iterator[Done[R] | Fault]:
        most = min(len(window), self._at_once(cpus)) if self._workers else None
        rows = [{"piece": pickle.dumps(pair)} for pair in window]
        with warnings.catch_warnings():
            # Without max_retries a piece that kills its worker would do so for ever, and this is
            # the only way to say it.
            warnings.filterwarnings("ignore", ".*ray_remote_args.* is deprecated")
            dataset = (
                the_ray()
                .data.from_items(rows, override_num_blocks=len(rows))
                .map_batches(
                    partial(_work_block, task, self._environment),
                    batch_size=None,
                    batch_format="pyarrow",
                    num_cpus=cpus,
                    concurrency=most,
                    max_retries=TRIES - 1,
                )
            )
        for block in dataset.iter_batches(batch_format="pyarrow", prefetch_batches=0):
            for done in block.column("done"):
                yield pickle.loads(done.as_py())

    def _at_once(self, cpus: int) -> int:
        return max(1, self.cpus // cpus)

    def _check_room(self, cpus: int) -> None:
        most = self.node_cpus
        if cpus > most or (self._workers and cpus > self._workers):
            limit = min(most, self._workers or most)
            raise ConfigError(
                f"a piece of this work takes {cpus} CPUs, and no node of the Ray gives it more "
                f"than {limit}; ask for fewer, or for more --workers"
            )


_GONE = object()


def _work_block(task: Task[Any, Any], expected: str, block: Any) -> dict[str, list[bytes]]:
    pieces = [pickle.loads(piece.as_py()) for piece in block.column("piece")]
    return {"done": [pickle.dumps(work(task, expected, *piece)) for piece in pieces]}


def _fetch(reference: Any, index: int) -> Done[Any] | Fault:
    ray = the_ray()
    from ray.exceptions import RayError

    try:
        done: Done[Any] | Fault = ray.get(reference)
    except RayError as error:
        log.info("piece %d: %s", index, error)
        return Done(index, error=_lost(type(error).__name__))
    return done


def _lost(what: str) -> DeviceLostError:
    return DeviceLostError(
        f"{what} died {TRIES} times while it did this piece; see whether it takes more memory than "
        "the nodes have (docs/scale.md), then run again: what is done stays"
    )


def _checked(done: Done[R] | Fault) -> Done[R]:
    """Raises what is wrong with a node or the program, not with the piece."""
    if isinstance(done, Fault):
        raise RuntimeError(f"piece {done.index} failed on its node:\n{done.trace}")
    if isinstance(done.error, OtherVersionError):
        raise done.error
    return done
