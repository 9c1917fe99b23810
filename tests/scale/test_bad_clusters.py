"""What is wrong with a cluster is told in seconds: two machines made of this one, a real Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale.archives import command
from tests.scale.cluster import PORT, Cluster, cluster
from tests.scale.machines import NOBODY

# An answer within seconds, on a machine that has other work; Ray itself tries for minutes.
SOON_S = 60.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A head alone."""
    with cluster(worker_cpus=0) as found:
        yield found


def refused(
    nodes: Cluster, folder: Path, address: str, env: dict[str, str] | None = None, **more: bool
) -> tuple[int, str]:
    """The exit code and the message of a screening that cannot begin."""
    words = command(
        "simulated:slides=2&fields=1", folder / "out", "--engine", "ray", "--address", address
    )
    program = nodes.program(
        *words, env={"CLINICSCOPE_HOME": str(folder / "home"), **(env or {})}, **more
    )
    said, errors = program.communicate(timeout=SOON_S)
    assert said == ""
    assert "Traceback" not in errors
    return program.returncode, errors


@pytest.mark.timeout(300)  # two nodes of Ray start, and the program once a test
@pytest.mark.parametrize("host", [NOBODY, "10.77.0.2"])
def test_a_host_that_is_away_or_drops_packets(nodes: Cluster, tmp_path: Path, host: str) -> None:
    nodes.worker.cut_off()
    try:
        code, said = refused(nodes, tmp_path, f"{host}:{PORT}")
    finally:
        nodes.worker.connect()
    assert code == 4
    assert f"no Ray answers at {host}:{PORT}" in said


def test_another_token_is_told(nodes: Cluster, tmp_path: Path) -> None:
    code, said = refused(nodes, tmp_path, nodes.address, {"RAY_AUTH_TOKEN": "0" * 64})
    assert code == 3
    assert "token" in said


def test_no_token_is_told(nodes: Cluster, tmp_path: Path) -> None:
    without = {"RAY_AUTH_TOKEN": "", "RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path)}
    code, said = refused(nodes, tmp_path, nodes.address, without)
    assert code == 3
    assert "token" in said


def test_a_machine_that_is_no_node(nodes: Cluster, tmp_path: Path) -> None:
    code, said = refused(nodes, tmp_path, nodes.address, elsewhere=True)
    assert code == 3
    assert "no node of a Ray runs on this machine" in said


def test_another_version_on_a_node_is_told(nodes: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "clinicscope-9.9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: clinicscope\nVersion: 9.9.9\n")
    nodes.start(nodes.worker, "--num-cpus", "1", env={"PYTHONPATH": str(tmp_path)})
    code, said = refused(nodes, tmp_path, nodes.address)
    assert code == 3
    assert "clinicscope 9.9.9 (here " in said
    assert nodes.worker.address in said
