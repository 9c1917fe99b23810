"""Real servers that the tests start and stop: Orthanc, and Medplum's FHIR R4 router on Node."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FHIR_HOME = HERE.parents[1] / "build" / "fhir"
START_S = 90


def get_json(url: str) -> Any:
    """What a server answers to a GET."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


@contextmanager
def fhir_server(folder: Path) -> Iterator[str]:
    """An empty FHIR server; gives its base URL."""
    subprocess.run(["bash", HERE / "install_fhir.sh"], check=True, timeout=600)
    port_file = folder / "fhir.port"
    log = folder / "fhir.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["node", FHIR_HOME / "server.mjs", port_file], stdout=out, stderr=out, cwd=FHIR_HOME
        )
    try:
        _wait(port_file.is_file, process, log)
        yield f"http://127.0.0.1:{port_file.read_text()}/fhir"
    finally:
        _end(process)


@dataclass(frozen=True)
class Orthanc:
    """Where a running Orthanc listens."""

    dicom_port: int
    http_port: int

    @property
    def url(self) -> str:
        """Of its own REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def web_url(self) -> str:
        """Of DICOMweb."""
        return f"{self.url}/dicom-web"


@contextmanager
def orthanc_server(folder: Path) -> Iterator[Orthanc]:
    """An empty Orthanc with its DICOMweb plug-in."""
    subprocess.run(["bash", HERE / "install_orthanc.sh"], check=True, timeout=600)
    found = Orthanc(_free_port(), _free_port())
    config = {
        "Name": "TEST",
        "DicomAet": "ORTHANC",
        "DicomPort": found.dicom_port,
        "HttpPort": found.http_port,
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
    }
    path, log = folder / "orthanc.json", folder / "orthanc.log"
    path.write_text(json.dumps(config))
    with log.open("wb") as out:
        process = subprocess.Popen(["Orthanc", path], stdout=out, stderr=out, cwd=folder)
    try:
        _wait(lambda: _answers(f"{found.url}/system"), process, log)
        yield found
    finally:
        _end(process)


def _answers(url: str) -> bool:
    try:
        return bool(get_json(url))
    except OSError:
        return False


def _wait(ready: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start: {log.read_text()[-1500:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
