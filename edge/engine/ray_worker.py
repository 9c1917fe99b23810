"""What runs on the machines of a Ray: a piece of work, and what the machine is."""

from __future__ import annotations

import pickle
import platform
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from edge.contract.errors import ClinicScopeError, ConfigError
from edge.engine.base import Done, Task, attempt
from edge.engine.environment import differences, environment


class OtherVersionError(ConfigError):
    """A machine of the cluster runs something else than the one that gives the work."""


def the_ray() -> Any:
    """Ray, which a device has not, and whose functions have no types."""
    return import_module("ray")


def describe() -> tuple[str, Mapping[str, str]]:
    """This machine's name, and its environment."""
    return f"{platform.node()} ({_address()})", dict(environment())


def _address() -> str:
    ray = the_ray()
    return str(ray.util.get_node_ip_address())


@dataclass(frozen=True)
class Fault:
    """A piece that ended in an exception that nobody raises on purpose; its trace."""

    index: int
    trace: str


def work(task: Task[Any, Any], expected: str, index: int, item: Any) -> Done[Any] | Fault:
    """One piece. A machine that came to the cluster later is looked at here.

    Args:
        expected: the environment of the machine that gives the work, as `pack_environment` has it.
    """
    if found := _unlike(expected):
        return Done(index, error=OtherVersionError(found))
    try:
        return portable(attempt(task, item, index))
    except Exception:
        return Fault(index, traceback.format_exc())


def pack_environment() -> str:
    """The environment in a form that is compared once a process."""
    return "\n".join(f"{name}\0{value}" for name, value in environment().items())


@cache
def _unlike(expected: str) -> str:
    here = {line.partition("\0")[0]: line.partition("\0")[2] for line in expected.splitlines()}
    name, there = describe()
    return unlike(name, differences(here, there))


def unlike(name: str, found: str) -> str:
    """The message where versions differ; empty where they do not."""
    if not found:
        return ""
    return (
        f"node {name} of the cluster has {found}; its numbers would not be those of the other "
        "nodes; install the same program everywhere (docs/scale.md), or take that node out"
    )


def portable(done: Done[Any]) -> Done[Any]:
    """What came of it, with an error that can be sent: not all are made from their text alone."""
    if done.error is None:
        return done
    error = done.error
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        nearest: type[ClinicScopeError] = next(
            kind for kind in type(error).__mro__[1:] if _takes_text(kind)
        )
        return Done(done.index, error=nearest(str(error)))
    return done


def _takes_text(kind: type) -> bool:
    return issubclass(kind, ClinicScopeError) and kind.__init__ is Exception.__init__
