"""Sends DICOM files to a PACS: by STOW-RS over HTTP, or by C-STORE."""

from __future__ import annotations

import hashlib
import io
import socket
import zipfile
from typing import Any

from edge.contract.errors import RuntimeUnavailableError
from edge.sync.http import NotDeliveredError, ask, expect
from edge.sync.settings import Target

_STORED = "00081199"  # ReferencedSOPSequence
_FAILED = "00081198"  # FailedSOPSequence
_INSTANCE = "00081155"  # ReferencedSOPInstanceUID
_SUCCESS = 0x0000
# Stored, with a remark: coerced or discarded elements, or others than the class has (PS3.4 B.2).
_STORED_WITH_REMARK = (0xB000, 0xB006, 0xB007)


def send_by_web(target: Target, payload: bytes) -> None:
    """Stores the files of a zip by STOW-RS.

    Raises:
        NotDeliveredError: the answer does not name just these objects as stored.
    """
    files = _files(payload)
    boundary = f"clinicscope-{hashlib.sha256(payload).hexdigest()[:32]}"
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = b"".join(head + data + b"\r\n" for data in files)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
    answer = ask(target, "POST", "/studies", parts + f"--{boundary}--\r\n".encode(), headers)
    expect(answer, (200,), frozenset({400, 409, 413, 415, 422}))
    told = answer.json()
    failed = told.get(_FAILED)
    if isinstance(failed, dict) and failed.get("Value"):  # Orthanc names it always, empty
        raise NotDeliveredError(f"did not store an object: {failed['Value']}"[:400], refused=True)
    stored, sent = _stored(told), sorted(str(_read(data).SOPInstanceUID) for data in files)
    if stored != sent:
        raise NotDeliveredError(f"acknowledged the objects {stored}; sent were {sent}")


def send_by_association(target: Target, payload: bytes) -> None:
    """Stores the files of a zip by C-STORE.

    Raises:
        NotDeliveredError: no association, or another status than success.
        RuntimeUnavailableError: pynetdicom is not installed.
    """
    found = [_read(data) for data in _files(payload)]
    association = _associate(target, found)
    try:
        if not association.accepted_contexts:
            raise NotDeliveredError(
                f"{target.ae_title} takes no JPEG secondary captures", refused=True
            )
        for one in found:
            answer = association.send_c_store(one)
            _check(answer.get("Status") if answer else None)
    finally:
        association.release()


def _associate(target: Target, found: list[Any]) -> Any:
    try:
        from pynetdicom.ae import ApplicationEntity
    except ImportError as error:
        raise _missing("pynetdicom") from error
    entity = ApplicationEntity(ae_title=target.own_ae_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = target.timeout_s
    entity.connection_timeout = target.timeout_s
    for kind, syntax in {(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in found}:
        entity.add_requested_context(kind, syntax)
    _check_port(target)
    association = entity.associate(target.host, target.port, ae_title=target.ae_title)
    if not association.is_established:
        raise NotDeliveredError(
            f"{target.ae_title} at {target.host}:{target.port} took no association",
            unreachable=True,
        )
    return association


def _check_port(target: Target) -> None:
    # pynetdicom leaves a socket open where nobody listens.
    try:
        socket.create_connection((target.host, target.port), target.timeout_s).close()
    except OSError as error:
        raise NotDeliveredError(
            f"nobody answers at {target.host}:{target.port} ({error})", unreachable=True
        ) from error


def _check(status: Any) -> None:
    if status is None:
        raise NotDeliveredError("the association ended without an answer", unreachable=True)
    if int(status) != _SUCCESS and int(status) not in _STORED_WITH_REMARK:
        # 0xA7xx: out of resources, which may pass (PS3.4 annex B.2.3).
        refused = int(status) >> 8 != 0xA7
        raise NotDeliveredError(f"answered C-STORE with 0x{int(status):04X}", refused=refused)


def _stored(told: dict[str, Any]) -> list[str]:
    try:
        return sorted(str(item[_INSTANCE]["Value"][0]) for item in told[_STORED]["Value"])
    except (KeyError, IndexError, TypeError):
        return []


def _files(payload: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def _read(data: bytes) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise _missing("pydicom") from error
    return pydicom.dcmread(io.BytesIO(data))


def _missing(name: str) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(f"a PACS needs {name}; pip install 'clinicscope[interop]'")
