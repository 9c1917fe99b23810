"""Workers of one fit on the nodes of a Ray: all of them or none, spread as far as can be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from edge.contract.errors import ConfigError, HardwareError
from edge.engine.base import Done
from edge.engine.ray_worker import Fault, pack_environment
from edge.engine.ray_worker import work as attempt_there
from train.crews import Crew, Work
from train.processes import BEAT_S, Beat, FaultError, WorkerDiedError
from train.replicas_local import free_ports

# Others' work may end meanwhile, and a node that died may not be known yet.
ROOM_S = 60.0


class Worker:
    """Runs on a node, as a Ray actor: its process is fresh, and others may ask it meanwhile."""

    def __init__(self) -> None:
        self._beat = Beat()

    def address(self) -> str:
        """Where the other workers reach it."""
        host = str(import_module("ray").util.get_node_ip_address())
        return f"{host}:{free_ports(1, host)[0]}"

    def beat(self) -> int:
        """How far it is, a while after it is asked."""
        time.sleep(BEAT_S)
        return self._beat.count

    def serve(
        self, work: Work, given: Any, environment: str, addresses: Sequence[str], index: int
    ) -> Done[Any] | Fault:
        """The work, once all addresses are known."""
        task = partial(_serve, work, addresses=addresses, index=index, beat=self._beat)
        return attempt_there(task, environment, index, given)


def _serve(work: Work, given: Any, *, addresses: Sequence[str], index: int, beat: Beat) -> Any:
    return work(given, addresses, index, beat)


class RayCrew(Crew):
    """See the module.

    Args:
        most: CPUs that may be used.

    Raises:
        ConfigError: the workers need more.
    """

    def __init__(self, size: int, cpus: int, most: int) -> None:
        super().__init__(size, cpus)
        if size * cpus > most:
            raise ConfigError(
                f"--replicas {size} with --cpus {cpus} each need {size * cpus} CPUs at once, and "
                f"this Ray has {most} to use; take fewer, or more nodes or --workers"
            )
        self._ray = import_module("ray")
        self._group: Any = None
        self._actors: list[Any] = []
        self._results: list[Any] = []
        self._asked: list[Any] = []

    def start(self, work: Work, given: Any) -> None:
        """See `Crew.start`."""
        self._place()
        from ray.exceptions import RayError
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self._actors = [
            self._ray.remote(Worker)
            .options(
                num_cpus=self.cpus,
                max_concurrency=2,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    self._group, placement_group_bundle_index=index
                ),
            )
            .remote()
            for index in range(self.size)
        ]
        try:
            asked = [actor.address.remote() for actor in self._actors]
            addresses = self._ray.get(asked, timeout=ROOM_S)
        except RayError as error:
            raise WorkerDiedError(f"a worker did not start ({type(error).__name__})") from error
        environment = pack_environment()
        self._results = [
            actor.serve.remote(work, given, environment, addresses, index)
            for index, actor in enumerate(self._actors)
        ]
        self._asked = [actor.beat.remote() for actor in self._actors]

    def _place(self) -> None:
        """Takes the room of all workers at once: some of them alone would wait for ever."""
        from ray.util.placement_group import placement_group

        bundles = [{"CPU": self.cpus}] * self.size
        self._group = placement_group(bundles, strategy="SPREAD")
        if not self._group.wait(ROOM_S):
            free = self._ray.available_resources().get("CPU", 0)
            raise HardwareError(
                f"--replicas {self.size} with --cpus {self.cpus} each found no room in "
                f"{ROOM_S:.0f} s: {free:g} CPUs of the Ray are free, over all nodes; wait for "
                "other work, or take fewer"
            )

    def hear(self, index: int, wait_s: float) -> tuple[str, Any] | None:
        """See `Crew.hear`."""
        from ray.exceptions import RayError

        waited = [self._results[index], self._asked[index]]
        ready, _ = self._ray.wait(waited, timeout=wait_s)
        if not ready:
            return None
        try:
            if ready[0] == self._asked[index]:
                count = self._ray.get(ready[0])
                self._asked[index] = self._actors[index].beat.remote()
                return "beat", count
            return "done", _result(self._ray.get(ready[0]))
        except RayError as error:
            raise WorkerDiedError(
                f"its process or node is gone ({type(error).__name__})"
            ) from error

    def stop(self) -> None:
        """See `Crew.stop`."""
        from ray.util.placement_group import remove_placement_group

        for actor in self._actors:
            self._ray.kill(actor)
        if self._group is not None:
            remove_placement_group(self._group)
        self._group, self._actors, self._results, self._asked = None, [], [], []


def _result(done: Done[Any] | Fault) -> Any:
    if isinstance(done, Fault):
        raise FaultError(done.trace)
    return done.result()
