"""The page through TLS on a real socket: whole, alive, patient with slow clients for a while."""

from __future__ import annotations

import gc
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from waitress import wasyncore
from web_samples import token

from edge.certificate import Certificate, load_or_create_certificate
from edge.screening.service import ScreeningService
from edge.store.tokens import Tokens
from tests.support.people import logged_in
from web_ui import create_app, senders, serve, tls
from web_ui.cli import is_loopback
from web_ui.fallback import create_fallback_app
from web_ui.tls import server_context

LARGE = os.urandom(3_000_000)
# waitress leaves the file that a large body lay in to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return load_or_create_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def app() -> Flask:
    app = Flask("small")
    app.config["MAX_CONTENT_LENGTH"] = 5_000_000

    @app.get("/large")
    def large() -> Response:
        return Response(LARGE)

    @app.get("/parts")
    def parts() -> Response:
        return Response(LARGE[at : at + 70_001] for at in range(0, len(LARGE), 70_001))

    @app.post("/echo")
    def echo() -> Response:
        return Response(request.get_data())

    @app.get("/who")
    def who() -> str:
        return f"{request.remote_addr} {request.scheme} {request.host_url}"

    return app


@contextmanager
def served(app: Flask, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The page in a thread; gives its port."""
    server = serve.make_server(app, "127.0.0.1", 0, context)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, True))
        thread.join(10)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive()
        gc.collect()


@pytest.fixture
def port(app: Flask, certificate: Certificate) -> Iterator[int]:
    with served(app, server_context(certificate.path)) as found:
        yield found


@pytest.fixture
def trusting(certificate: Certificate) -> ssl.SSLContext:
    """A client that trusts this device alone, and checks its name."""
    return ssl.create_default_context(cadata=_public(certificate))


def _public(certificate: Certificate) -> str:
    text = certificate.path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]


def test_whole_answers_on_one_connection(port: int, trusting: ssl.SSLContext) -> None:
    with closing_connection(port, trusting) as connection:
        for address in ("/large", "/parts", "/large"):
            connection.request("GET", address)
            assert connection.getresponse().read() == LARGE
        connection.request("POST", "/echo", body=LARGE)
        assert connection.getresponse().read() == LARGE
        connection.request("GET", "/who", headers={"X-Forwarded-For": "6.6.6.6"})
        assert connection.getresponse().read().decode() == (
            f"127.0.0.1 https https://localhost:{port}/"
        )


@contextmanager
def closing_connection(port: int, context: ssl.SSLContext) -> Iterator[http.client.HTTPSConnection]:
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
    try:
        yield connection
    finally:
        connection.close()


def test_many_phones_at_once(port: int, trusting: ssl.SSLContext) -> None:
    def fetch(number: int) -> bool:
        with closing_connection(port, trusting) as connection:
            connection.request("POST", "/echo", body=LARGE[number : 400_000 + number])
            same = connection.getresponse().read() == LARGE[number : 400_000 + number]
            connection.request("GET", "/parts")
            return same and connection.getresponse().read() == LARGE

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(fetch, range(32)))


def test_body_over_the_limit_is_refused(port: int, trusting: ssl.SSLContext) -> None:
    with closing_connection(port, trusting) as connection:
        connection.request("POST", "/echo", body=bytes(5_000_001))
        assert connection.getresponse().status == 413


def test_stranger_and_old_protocols_are_refused(port: int, trusting: ssl.SSLContext) -> None:
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        closing_connection(port, ssl.create_default_context()) as connection,
    ):
        connection.connect()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(plain)
    with closing_connection(port, trusting) as connection:
        connection.request("GET", "/who")
        assert connection.getresponse().status == 200


def answer_to(port: int, sent: bytes) -> bytes:
    """All that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        found = b""
        # A body that nobody reads ends a connection so.
        with suppress(ConnectionResetError, BrokenPipeError):
            plain.sendall(sent)
            while part := plain.recv(4096):
                found += part
        return found


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /a?b=c HTTP/1.1\r\nHost: clinic.local:8080\r\n\r\n",
         b"Location: https://clinic.local:8080/a?b=c\r\n"),
        (b"HEAD / HTTP/1.1\r\nAccept: */*\r\nhost:10.0.0.1\r\n\r\n",
         b"Location: https://10.0.0.1/\r\n"),
        (b"POST /login HTTP/1.1\r\nHost: clinic.local\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\nHost: a\"><script>\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
        (b"\x00\x01garbage", b"HTTP/1.1 400"),
    ],
)  # fmt: skip
def test_plain_request_is_told_the_right_address(port: int, sent: bytes, answer: bytes) -> None:
    found = answer_to(port, sent)
    assert answer in found and b"Connection: close" in found
    assert b"307" in found or b"Location" not in found


@pytest.mark.parametrize("begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_handshake_that_never_ends_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(tls, "LATE_S", 0.2)
    start = time.monotonic()
    assert answer_to(port, begun) == b""
    assert time.monotonic() - start < 9


def test_broken_handshake_is_closed(port: int) -> None:
    # An alert may come back before the end.
    assert b"HTTP" not in answer_to(port, b"\x16\x03\x01\x00\x05hello")


@pytest.mark.parametrize("encrypted", [True, False])
def test_head_that_drips_in_is_given_up(
    app: Flask,
    certificate: Certificate,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    encrypted: bool,
) -> None:
    monkeypatch.setattr(tls, "LATE_S", 1.0)
    context = server_context(certificate.path) if encrypted else None
    with served(app, context) as port, ExitStack() as stack:
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        if encrypted:
            slow = stack.enter_context(trusting.wrap_socket(slow, server_hostname="localhost"))
        slow.sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n")
        assert ends_within(slow, 9)


def ends_within(slow: socket.socket, seconds: float) -> bool:
    """Whether the other side gives up while a header drips in."""
    end = time.monotonic() + seconds
    slow.settimeout(0.1)
    while time.monotonic() < end:
        try:
            slow.sendall(b"x")
            if slow.recv(1) == b"":
                return True
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except OSError:
            return True
    return False


def test_one_address_does_not_take_every_connection(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_LOOPBACK", ())
    monkeypatch.setattr(serve, "CONNECTIONS_OF_ADDRESS", 3)
    with served(app) as port, ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(4)
        ]
        assert held[3].recv(1) == b""
        held[0].sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert held[0].recv(12) == b"HTTP/1.1 200"


def test_client_that_goes_away_harms_nobody(port: int, trusting: ssl.SSLContext) -> None:
    for _ in range(5):
        with (
            socket.create_connection(("localhost", port), 10) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as gone,
        ):
            gone.sendall(b"GET /parts HTTP/1.1\r\nHost: x\r\n\r\n")
            gone.recv(10)
    with closing_connection(port, trusting) as connection:
        connection.request("GET", "/large")
        assert connection.getresponse().read() == LARGE


def head(length: str, *more: str, path: str = "/specimens/new") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", length, *more]
    return "\r\n".join([*lines, "", ""]).encode()


LARGE_BODY, CLOSE = bytes(5_000_000), "Connection: close"
CHUNKED = "Transfer-Encoding: chunked"
FORM = "Content-Type: multipart/form-data; boundary=x"
LENGTH = f"Content-Length: {len(LARGE_BODY)}"


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("clinicscope_session")
    assert cookie is not None
    return f"Cookie: clinicscope_session={cookie.value}"


def chunks(size: int, count: int) -> bytes:
    return (b"%x\r\n" % size + bytes(size) + b"\r\n") * count + b"0\r\n\r\n"


def test_stranger_cannot_fill_the_disk_and_is_answered_by_the_page(
    service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    append = senders.OverflowableBuffer.append
    monkeypatch.setattr(
        senders.OverflowableBuffer,
        "append",
        lambda buffer, data: (kept.append(len(data)), append(buffer, data)),
    )
    page = create_app(service)
    mine = cookie_of(logged_in(page))
    with served(page) as port:
        for shown in ("", "Cookie: clinicscope_session=forged", mine[:-3]):
            kept.clear()
            more = filter(None, [shown, CLOSE, FORM])
            answer = answer_to(port, head(LENGTH, *more) + LARGE_BODY)
            assert answer.startswith(b"HTTP/1.1 303") and b"/login?" in answer, shown
            assert b"unsent=1" in answer
            # A small answer is kept on its way out.
            assert sum(kept) < 10_000
        kept.clear()
        answer = answer_to(port, head(CHUNKED, CLOSE) + chunks(200_000, 10))
        assert b"/login?" in answer and sum(kept) <= senders.SMALL_BODY_BYTES + 10_000
        # Of what is small nothing is lost.
        assert b"/login?" in answer_to(port, head("Content-Length: 1", CLOSE) + b"x")


def test_session_that_ends_while_a_large_upload_is_on_its_way_is_told_so(
    service: ScreeningService,
) -> None:
    page = create_app(service)
    client = logged_in(page)
    mine = cookie_of(client)
    with served(page) as port:
        assert waits_for_more(port, head(LENGTH, mine) + LARGE_BODY[:100_000])
        client.get("/lock")
        sent = head(LENGTH, mine, CLOSE, FORM) + LARGE_BODY
        assert b"Location: /lock?" in answer_to(port, sent)
        client.post("/logout", data={"csrf_token": token(client, "/lock")})
        answer = answer_to(port, sent)
        assert b"Location: /login?" in answer and b"unsent=1" in answer


def test_program_with_a_large_body_gets_a_problem(service: ScreeningService) -> None:
    page = create_app(service, max_upload_bytes=2_000_000)
    secret = Tokens(service.store).create("x", ["predict"], "x")[1]
    with served(page) as port:
        for shown, status in (
            ("Authorization: Bearer cs_x", b"401"),
            (f"Authorization: Bearer {secret}", b"413"),
        ):
            sent = head(LENGTH, shown, CLOSE, FORM, path="/api/v1/predict")
            answer = answer_to(port, sent + LARGE_BODY)
            assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
            assert b"application/problem+json" in answer and b'"status"' in answer
        assert b"at most 2,000,000 bytes" in answer


def test_every_upload_over_the_limit_gets_the_ordinary_page(service: ScreeningService) -> None:
    page = create_app(service, max_upload_bytes=2_000_000)
    mine = cookie_of(logged_in(page))
    with served(page) as port:
        for path in ("/specimens/new", "/xrays/new", "/image", "/records/worklist", "/nothing"):
            for sent in (
                head(LENGTH, mine, CLOSE, FORM, path=path) + LARGE_BODY,
                head(CHUNKED, mine, CLOSE, FORM, path=path) + chunks(500_000, 6),
            ):
                answer = answer_to(port, sent)
                assert answer.startswith(b"HTTP/1.1 413"), (path, answer[:100])
                assert b"Too much at once" in answer and b"text/html" in answer
        # A form without files takes less, and says how much.
        answer = answer_to(port, head(LENGTH, CLOSE, FORM, path="/login") + LARGE_BODY)
        assert answer.startswith(b"HTTP/1.1 413") and b"At most 1 MB" in answer


def test_who_asks_first_or_sends_without_end_is_answered_at_once(
    service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MOST_SWALLOWED_BYTES", 3_000_000)
    page = create_app(service)
    with served(page) as port:
        answer = answer_to(port, head(LENGTH, "Expect: 100-continue"))
        assert answer.startswith(b"HTTP/1.1 303") and b"100 Continue" not in answer
        assert b"Connection: close" in answer
        assert answer_to(port, head(LENGTH)).startswith(b"HTTP/1.1 303")
        endless = answer_to(port, head(CHUNKED) + chunks(500_000, 7)[:-5])
        assert endless[:12] in (b"HTTP/1.1 303", b"")


def test_page_that_says_why_there_is_no_service_says_so_to_an_upload(app: Flask) -> None:
    with served(create_fallback_app("the disk is full")) as port:
        answer = answer_to(port, head(LENGTH, CLOSE) + LARGE_BODY)
        assert answer.startswith(b"HTTP/1.1 503") and b"the disk is full" in answer


def waits_for_more(port: int, sent: bytes) -> bool:
    """Whether the rest of a body is waited for."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.sendall(sent)
        plain.settimeout(0.5)
        try:
            return plain.recv(1) == b"never"
        except TimeoutError:
            return True


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("192.168.4.1", False), ("clinic.local", False), ("::", False)],
)  # fmt: skip
def test_all_but_the_device_itself_are_asked_by_tls(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_file_that_is_no_certificate_is_no_context(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(ssl.SSLError):
        server_context(tmp_path / "x.pem")
