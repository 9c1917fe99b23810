"""What is wrong with a cluster is told in seconds: two machines made of this one, a real Ray."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scale.archives import command
from tests.scale.cluster import PORT, Cluster, cluster
from tests.scale.machines import NOBODY

# Answers come within seconds; this is for a machine that has other work. Ray itself tries longer.
SOON_S = 60.0
OPEN = """
import sys
from edge.contract.errors import ClinicScopeError
from edge.engine import EngineSettings, open_engine
for address in sys.argv[1:]:
    try:
        open_engine(EngineSettings("ray", address))
    except ClinicScopeError as error:
        print(error.exit_code, error)
"""

pytestmark = pytest.mark.timeout(300)  # nodes of Ray start, and programs that load Ray


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A head alone."""
    with cluster(worker_cpus=0) as found:
        yield found


def opened(nodes: Cluster, *addresses: str, **more: Any) -> list[str]:
    """What a program is told that opens the engine there: exit code and message of each."""
    program = nodes.program(sys.executable, "-c", OPEN, *addresses, **more)
    said, _ = program.communicate(timeout=SOON_S)
    return said.splitlines()


def test_a_host_that_is_away_or_drops_packets(nodes: Cluster) -> None:
    nodes.worker.cut_off()
    try:
        away, dropping = opened(nodes, f"{NOBODY}:{PORT}", f"{nodes.worker.address}:{PORT}")
    finally:
        nodes.worker.connect()
    assert away.startswith(f"4 no Ray answers at {NOBODY}:{PORT}")
    assert dropping.startswith(f"4 no Ray answers at {nodes.worker.address}:{PORT}: timed out")


def test_another_token_is_told(nodes: Cluster) -> None:
    (said,) = opened(nodes, nodes.address, env={"RAY_AUTH_TOKEN": "0" * 64})
    assert said.startswith(f"3 the Ray at {nodes.address} cannot be joined")
    assert said.endswith("with the same versions and token")


def test_a_machine_that_is_no_node(nodes: Cluster) -> None:
    (said,) = opened(nodes, nodes.address, elsewhere=True)
    assert said.startswith("3 no node of a Ray runs on this machine")


@pytest.fixture()
def shared() -> Iterator[Path]:
    """A folder on the disk: each machine has a shared memory of its own, where tests' files lie."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def test_another_version_on_a_node_is_told(nodes: Cluster, shared: Path) -> None:
    other = shared / "clinicscope-9.9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: clinicscope\nVersion: 9.9.9\n")
    nodes.start(nodes.worker, "--num-cpus", "1", env={"PYTHONPATH": str(shared)})
    words = command(
        "simulated:slides=2&fields=1", shared / "out",
        "--engine", "ray", "--address", nodes.address,
    )  # fmt: skip
    program = nodes.program(*words, env={"CLINICSCOPE_HOME": str(shared / "home")})
    said, errors = program.communicate(timeout=SOON_S)
    assert (program.returncode, said) == (3, ""), errors
    assert "clinicscope 9.9.9 (here " in errors
    assert nodes.worker.address in errors
    assert "Traceback" not in errors
