"""MJPEG over HTTP: JPEG after JPEG in one answer, `multipart/x-mixed-replace`.

Everything that comes is bounded in size and time: a camera that has gone mad, or somebody in its
place, must not fill the memory or hold the thread.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from email.message import Message
from urllib.parse import SplitResult, unquote

from edge.cameras.addresses import PORTS, shown_address
from edge.cameras.stream import FrameSource
from edge.contract.errors import CameraError
from edge.contract.images import decode_image
from edge.contract.types import U8Array

# A JPEG of 50 megapixels at the best quality.
MAX_PART_BYTES = 64 * 1024 * 1024
_MAX_HEAD_BYTES = 16 * 1024
_READ_BYTES = 64 * 1024
_WHAT_IT_SAYS = {
    401: "it asks for user and password: write them as http://USER:PASSWORD@HOST/PATH",
    403: "it forbids this: check user and password",
    404: "it has nothing at this path: look up the path of its MJPEG stream",
}


class MjpegSource(FrameSource):
    """One stream of JPEGs.

    Args:
        address: http or https, checked.
        connect_s: for the connection and the answer's head.
        timeout_s: for each whole picture.

    Raises:
        CameraError: no connection, or an answer that is no MJPEG stream.
    """

    def __init__(self, address: SplitResult, connect_s: float, timeout_s: float) -> None:
        self._shown = shown_address(address.geturl())
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._picture = b""
        self._connection = _connection(address, connect_s)
        self._response: http.client.HTTPResponse | None = None
        try:
            self._response = self._ask(address)
            self._boundary = self._check(self._response)
        except CameraError:
            self.close()
            raise

    def _ask(self, address: SplitResult) -> http.client.HTTPResponse:
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            self._connection.request("GET", path, headers=_headers(address))
            # The connection lets go of it where the answer has no length.
            self._wire = self._connection.sock
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(
                f"{self._shown} does not answer ({_words(error)}); check the camera's power, its "
                "address and the network"
            ) from error

    def _check(self, response: http.client.HTTPResponse) -> bytes:
        """The boundary between pictures."""
        if response.status != http.client.OK:
            said = _WHAT_IT_SAYS.get(response.status, "check its address")
            raise CameraError(f"{self._shown} answers with {response.status}; {said}")
        return _boundary(response.msg, self._shown)

    def grab(self) -> None:
        """Reads the next part whole."""
        deadline = time.monotonic() + self._timeout_s
        self._until(self._boundary, deadline, MAX_PART_BYTES)
        head = bytes(self._until(b"\r\n\r\n", deadline, _MAX_HEAD_BYTES))
        if head.startswith(b"--"):
            raise CameraError(f"{self._shown} has ended its stream; is it switched off?")
        length = self._length(head)
        if length is None:
            # The boundary stays: the next part begins with it.
            self._picture = bytes(self._until(self._boundary, deadline, MAX_PART_BYTES, keep=True))
        else:
            while len(self._buffer) < length:
                self._read(deadline)
            self._picture = bytes(self._buffer[:length])
            del self._buffer[:length]

    def _length(self, head: bytes) -> int | None:
        for line in head.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"content-length":
                text = value.strip()
                if not text.isdigit() or len(text) > 12 or int(text) > MAX_PART_BYTES:
                    raise CameraError(
                        f"{self._shown} announces a picture of {text[:20].decode('latin-1')} "
                        f"bytes, more than {MAX_PART_BYTES:,}; set a smaller size in the camera"
                    )
                return int(text)
        return None

    def _until(
        self, mark: bytes, deadline: float, most_bytes: int, *, keep: bool = False
    ) -> bytearray:
        """All up to a mark, which is taken from the buffer, too, unless it is kept."""
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            searched = max(0, len(self._buffer) - len(mark))
            if len(self._buffer) > most_bytes:
                raise CameraError(
                    f"{self._shown} sends {len(self._buffer):,} bytes without an end of the "
                    "picture; it is no MJPEG stream"
                )
            self._read(deadline)
        found = self._buffer[:at]
        del self._buffer[: at if keep else at + len(mark)]
        return found

    def _read(self, deadline: float) -> None:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise CameraError(self._stalled())
        try:
            self._wire.settimeout(left_s)
            data = self._response.read1(_READ_BYTES) if self._response else b""
        except TimeoutError as error:
            raise CameraError(self._stalled()) from error
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(
                f"{self._shown} broke off ({_words(error)}); check its cable"
            ) from error
        if not data:
            raise CameraError(f"{self._shown} has ended its stream; is it switched off?")
        self._buffer += data

    def _stalled(self) -> str:
        return f"{self._shown} sent no whole picture for {self._timeout_s:g} s; check the network"

    def decode(self) -> U8Array:
        """The JPEG as RGB; what follows its end is none of it."""
        return decode_image(self._picture)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()
        if self._response is not None:
            self._response.close()


def _connection(address: SplitResult, connect_s: float) -> http.client.HTTPConnection:
    host, port = str(address.hostname), address.port or PORTS[address.scheme]
    if address.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=connect_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=connect_s)


def _headers(address: SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "ClinicScope", "Accept": "multipart/x-mixed-replace"}
    if address.username is not None:
        pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers


def _boundary(head: Message, shown: str) -> bytes:
    kind = head.get_content_type()
    boundary = head.get_boundary()
    if kind != "multipart/x-mixed-replace" or not boundary:
        raise CameraError(
            f"{shown} answers with {kind}, not with an MJPEG stream; look up the address of its "
            "stream"
        )
    # Some cameras write the dashes into the header, too.
    return b"--" + boundary.removeprefix("--").encode("latin-1", "replace")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time-out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
