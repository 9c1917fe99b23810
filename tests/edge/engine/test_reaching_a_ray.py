"""What an address of no Ray, or of one that refuses, is told as; each within seconds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError, HardwareError
from edge.engine.environment import ABSENT, differences, environment, hash_program
from edge.engine.ray_start import check_answers
from edge.engine.ray_worker import unlike


@pytest.mark.parametrize("address", ["here", "host:", "host:port", ":6379", "host:0", "host:70000"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="give HOST:PORT, as `ray start --head` told it"):
        check_answers(address)


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(HardwareError, match=rf"no Ray answers at 127\.0\.0\.1:{port}.*refused"):
        check_answers(f"127.0.0.1:{port}")


@pytest.fixture()
def web_server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_something_else_answers(web_server: int) -> None:
    with pytest.raises(HardwareError, match=rf"what answers at 127.0.0.1:{web_server} is no Ray"):
        check_answers(f"127.0.0.1:{web_server}")


def test_something_listens_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.engine.ray_start.ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(HardwareError, match="is no Ray"):
            check_answers(address)


def test_a_changed_line_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "a.py").write_text("x = 1\n")
    monkeypatch.setattr("edge.engine.environment.PROGRAM", tmp_path)
    first = hash_program()
    assert hash_program() == first
    (tmp_path / "edge" / "a.py").write_text("x = 2\n")
    assert hash_program() != first


def test_a_processor_that_computes_otherwise_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr("edge.engine.environment.CPUINFO", told)
    assert environment.__wrapped__()["instructions"] == ""
    told.write_text("model name\t: X\nflags\t\t: fpu fma avx2 avx512f\nflags\t\t: fpu\n")
    assert environment.__wrapped__()["instructions"] == "avx2 fma avx512f"
    told.write_text("Features\t: fp asimd asimddp\n")
    assert environment.__wrapped__()["instructions"] == "asimddp"


def test_versions_are_compared_by_name() -> None:
    here = environment()
    assert here["ray"] != ABSENT
    assert differences(here, dict(here)) == ""
    found = differences(here, {**here, "numpy": "1.26.4", "ray": ABSENT})
    assert found == (f"numpy 1.26.4 (here {here['numpy']}), ray {ABSENT} (here {here['ray']})")
    assert unlike("pi-7 (10.0.0.7)", "") == ""
    assert unlike("pi-7 (10.0.0.7)", found).startswith("node pi-7 (10.0.0.7) of the cluster has nu")
