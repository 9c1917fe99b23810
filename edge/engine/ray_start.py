"""Reaching a Ray or starting one, and looking at its nodes before any work is given."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from edge.contract.errors import ConfigError, HardwareError
from edge.engine.base import EngineSettings
from edge.engine.environment import differences
from edge.engine.ray_worker import describe, the_ray, unlike

# A node that is there answers in milliseconds; one that starts Python for the first time, in tens
# of seconds.
ANSWER_S = 5.0
NODES_S = 120.0
# A Ray that refuses a token is asked so often, once a second; it answers at once.
JOIN_TRIES = "3"
# Pieces and what comes of them are small: the shared memory of a Ray that is started here.
OBJECT_STORE_BYTES = 256_000_000
# Of Ray's own, which it reads when it is loaded.
SETTINGS = {
    # It would tell its maker of each start, and there is no network.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Workers of a Ray that is started here would give way to all else, which this process does not.
    "RAY_worker_niceness": "0",
    # A node that was cut off counts as dead after a while, yet the call that gave it a piece would
    # wait minutes for an answer that cannot come. So many milliseconds of silence, and so many for
    # the answer to a ping, and the piece is given to another node.
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}


def start_ray(settings: EngineSettings) -> bool:
    """Reaches or starts a Ray for this process.

    Returns:
        Whether it is to be left at the end; False where this process was in one before.

    Raises:
        ConfigError: Ray is not installed, or the one at the address refuses this program.
        HardwareError: nothing answers at the address.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    ray = _load()
    if ray.is_initialized():
        return False
    if settings.address:
        check_answers(settings.address)
        _join(ray, settings.address)
    else:
        _start_here(ray, settings.workers)
    return True


def _load() -> Any:
    try:
        ray, data = the_ray(), import_module("ray.data")
    except ImportError as error:
        raise ConfigError(
            f"engine ray: {error.name} is not installed; pip install 'clinicscope[scale]', or "
            "leave --engine ray out: the results are the same"
        ) from error
    # What becomes of a piece whose worker dies is told by the engine; Ray would tell each death on
    # standard output, where a command writes its JSON, and has no public way to be silent.
    ray._private.worker._worker_logs_enabled = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Pieces that were lost with their workers time and again are missed and told one by one.
    context.max_errored_blocks = -1
    return ray


def check_answers(address: str) -> None:
    """Whether something listens at HOST:PORT.

    Raises:
        ConfigError: it is no address.
        HardwareError: nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"address is {address!r}; give HOST:PORT, as `ray start --head` told it")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as there:
            answers_as_ray = _speaks_http2(there)
    except OSError as error:
        raise HardwareError(
            f"no Ray answers at {address}: {error}; start one there with `ray start --head`, or "
            "give --address as it told it"
        ) from error
    # Ray itself would try to reach it for minutes.
    if not answers_as_ray:
        raise HardwareError(
            f"what answers at {address} is no Ray; give --address as `ray start --head` told it"
        )


def _speaks_http2(there: socket.socket) -> bool:
    """Whether the other end answers the preface of HTTP/2, which gRPC is (RFC 9113, 3.4)."""
    settings = b"\0\0\0\x04\0\0\0\0\0"
    there.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
    try:
        return there.recv(4)[3:4] == settings[3:4]
    except (TimeoutError, ConnectionError):
        return False


def _join(ray: Any, address: str) -> None:
    # Ray would wait for one for a minute.
    if not ray._private.services.find_node_ids():
        raise ConfigError(
            f"no node of a Ray runs on this machine, and it must be one of the cluster's: "
            f"`ray start --address {address}`, with the cluster's token (docs/scale.md)"
        )
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", JOIN_TRIES)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise ConfigError(
            f"the Ray at {address} cannot be joined: {_first_line(error)}; this machine must be "
            f"one of its nodes (`ray start --address {address}`), with the same versions and token"
        ) from error


def _start_here(ray: Any, workers: int) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=workers or len(os.sched_getaffinity(0)),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
            # Nobody else is to reach it; of 127.0.0.1 Ray makes the address of the network card.
            _node_ip_address="127.0.0.2",
        )
    except Exception as error:
        raise HardwareError(f"Ray cannot be started here: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def stop_ray() -> None:
    """Leaves the cluster; one that was started here ends."""
    the_ray().shutdown()


def check_nodes(here: Mapping[str, str]) -> None:
    """Asks each node what it runs.

    Raises:
        ConfigError: one runs something else, or cannot run the program.
        HardwareError: one does not answer.
    """
    from ray.exceptions import GetTimeoutError

    for reference, address in _ask_nodes().items():
        try:
            name, there = the_ray().get(reference, timeout=NODES_S)
        except GetTimeoutError as error:
            raise HardwareError(
                f"node {address} of the cluster did not answer in {NODES_S:.0f} s; see why, or "
                "stop it there with `ray stop`"
            ) from error
        except Exception as error:
            raise ConfigError(
                f"node {address} of the cluster cannot run this program: {_last_line(error)}; "
                "install it there (docs/scale.md)"
            ) from error
        if found := unlike(name, differences(here, there)):
            raise ConfigError(found)


def _ask_nodes() -> dict[Any, str]:
    """What each living node will answer, and its address."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray, asked = the_ray(), {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            question = ray.remote(num_cpus=0, scheduling_strategy=there)(describe)
            asked[question.remote()] = str(node["NodeManagerAddress"])
    return asked


def _last_line(error: Exception) -> str:
    return [type(error).__name__, *str(error).strip().splitlines()][-1]
