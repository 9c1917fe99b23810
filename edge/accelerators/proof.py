"""Proves an accelerator in a child process with a time-out, before it is loaded in this one."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edge.accelerators.opening import Network, Way
from edge.contract.errors import GoldenMismatchError, NotTakenError, RuntimeUnavailableError

log = logging.getLogger(__name__)

# How long it may be silent before its progress is said, and again after that.
_PATIENCE_S = 10.0
_ROOT = Path(__file__).parents[2]
_SAID_AT_MOST = 300
# Of what a child may say; anything else is that it cannot be used.
_KINDS = {kind.__name__: kind for kind in (GoldenMismatchError, NotTakenError)}
_ENDS_WITHIN_S = 5.0


@dataclass(frozen=True)
class Proof:
    """What a child found.

    Attributes:
        operations: of each role's network, how many the device takes and how many there are.
        batch_ms: best time of the first network for a full chunk; None where it has none.
    """

    operations: dict[str, tuple[int, int]]
    batch_ms: float | None


def prove(
    networks: Sequence[Network],
    way: Way,
    timeout_s: float,
    progress: Callable[[str], None] = log.warning,
) -> Proof:
    """Loads the accelerator and replays the golden tensors on it, all in a child process.

    Args:
        networks: of one bundle.
        progress: told every ten seconds what the child is at, for a first build may take minutes.

    Raises:
        RuntimeUnavailableError: it refused, crashed, or gave no answer in time.
        NotTakenError: it takes none of the networks.
        GoldenMismatchError: it gives other answers.
    """
    if way.device is None:
        raise ValueError("the plain processor is proven in this process")
    bundle = networks[0].bundle
    asked = {
        "task": "prove",
        "bundle": str(bundle.path.resolve()),
        "sha256": bundle.sha256,
        "roles": [network.role for network in networks],
        "runtime": way.runtime,
        "threads": way.threads,
        "device": [way.device.name, way.device.entry, [list(one) for one in way.device.options]],
    }
    answer = ask_child(asked, timeout_s, way.key, progress)
    operations = {role: (on, of) for role, (on, of) in answer["operations"].items()}
    return Proof(operations, answer["batch_ms"])


def list_edgetpus(library: str, timeout_s: float = 20.0) -> tuple[str, list[str]]:
    """Version of libedgetpu and the devices that it finds, asked in a child process.

    Raises:
        RuntimeUnavailableError: the library is none, crashes or hangs.
    """
    answer = ask_child({"task": "edgetpus", "library": library}, timeout_s, "libedgetpu")
    return answer["version"], answer["devices"]


def ask_child(
    asked: dict[str, Any],
    timeout_s: float,
    what: str,
    progress: Callable[[str], None] = log.warning,
) -> dict[str, Any]:
    """The child's answer.

    Raises:
        RuntimeUnavailableError, GoldenMismatchError: see `prove`.
    """
    with tempfile.TemporaryFile() as errors:
        child = _start(asked, errors)
        heard = _Heard(None, "starts", late=True)
        try:
            heard = _listen(child, timeout_s, what, progress)
        finally:
            _end(child, heard.late)
        answer = heard.answer
        if heard.late:
            raise RuntimeUnavailableError(
                f"{what} gave no answer within {timeout_s:g} s (it {heard.step})"
            )
        if answer is None:
            raise RuntimeUnavailableError(_how_it_ended(child, what, heard.step, errors))
    if not answer["ok"]:
        raise _KINDS.get(answer["kind"], RuntimeUnavailableError)(answer["why"])
    return answer


def _start(asked: dict[str, Any], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        [sys.executable, "-m", "edge.accelerators.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Its own group, so that what it started ends with it.
        start_new_session=True,
    )
    if child.stdin:
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(asked).encode())
    return child


@dataclass(frozen=True)
class _Heard:
    """The child's answer, None where it ended without one or is late; and what it was at."""

    answer: dict[str, Any] | None
    step: str
    late: bool = False


def _listen(
    child: subprocess.Popen[bytes], timeout_s: float, what: str, progress: Callable[[str], None]
) -> _Heard:
    step, pending, started = "starts", b"", time.monotonic()
    said = started
    stdout = child.stdout
    if stdout is None:
        return _Heard(None, step)
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while (left := started + timeout_s - time.monotonic()) > 0:
            if selector.select(min(left, 1.0)):
                read = os.read(stdout.fileno(), 65536)
                if not read:
                    return _Heard(None, step)
                *lines, pending = (pending + read).split(b"\n")
                for line in map(json.loads, lines):
                    if "ok" in line:
                        return _Heard(line, step)
                    step = line["step"]
            if time.monotonic() - said >= _PATIENCE_S:
                said = time.monotonic()
                progress(
                    f"{what} {step}, {said - started:.0f} s so far, at most {timeout_s:.0f} s; "
                    "the first time takes longest"
                )
    return _Heard(None, step, late=True)


def _end(child: subprocess.Popen[bytes], late: bool) -> None:
    """Ends the child; one that a driver holds is left behind."""
    for patience_s in (0.0 if late else _ENDS_WITHIN_S, _ENDS_WITHIN_S):
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience_s)
            break
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.stdout:
        child.stdout.close()


def _how_it_ended(child: subprocess.Popen[bytes], what: str, step: str, errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    said = f": {lines[-1][-_SAID_AT_MOST:]}" if lines else ""
    if child.returncode is not None and child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return f"{what} crashed with {name} (it {step}){said}"
    return f"{what} ended with exit code {child.returncode} (it {step}){said}"
