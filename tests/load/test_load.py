"""A short load, and what the judging of a long one finds."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner

from tests.load.answers import Answers
from tests.load.phone import Answer, Phone, page_name
from tests.load.phones import find_problems, main
from tests.load.preview import Turn, judge
from tests.soak.checks import Memory

FLAT = Memory(100_000, 100_000, 0.0, 10.0, 0.0)
GROWN = Memory(100_000, 190_000, 90.0, 10.0, 90_000.0)


@pytest.mark.timeout(120)
def test_a_few_phones_find_no_error(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    done = CliRunner().invoke(
        main, ["--phones", "4", "--minutes", "0.1", "--json", str(record)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    found = json.loads(record.read_text())
    assert found["problems"] == [] and found["answers"] > 20
    assert {page["page"] for page in found["pages"]} >= {"/", "/login", "/static/style.css"}
    assert found["fields_read"] > 0, "it screens meanwhile"


def answer(page: str = "/", status: int = 200, server_ms: float | None = 20.0) -> Answer:
    return Answer(page, status, "text/html", 100, server_ms, 30.0)


def test_what_must_not_be_is_found() -> None:
    answers = Answers()
    for _ in range(99):
        answers.note(answer())
    answers.note(answer("/slow", server_ms=180.0))
    answers.note(answer(status=429))
    assert find_problems(answers, FLAT, None) == []
    assert find_problems(answers, None, 100) == ["/slow takes 180 ms (95th percentile of 1)"]
    assert find_problems(answers, GROWN, None) == ["memory grew by 90,000 KiB"]
    answers.note(answer("/x", 500))
    answers.note(answer("/x", 500))
    answers.note(Answer("/y", 0, "timed out", 0, None, 60_000.0))
    assert find_problems(answers, FLAT, None) == ["2 times 500 /x", "1 times 0 /y timed out"]
    assert answers.statuses() == {0: 1, 200: 100, 429: 1, 500: 2}
    assert answers.record()["answers"] == 104


def test_pages_are_named_without_their_ids() -> None:
    assert page_name("/specimens/20261126-101500-abc123/fields/3?x=1") == "/specimens/*/fields/*"
    assert page_name("/") == "/"


PAGES = {
    "/": '<link href="/static/style.css"><a href="/a?b=1&amp;c=2">A</a> <a href="/logout">no</a>'
    '<a href="/report.pdf">no</a><a href="http://elsewhere/">no</a>',
    "/a": '<img src="/p1.jpg"><div hx-get="/a/part"></div>',
}


class Site(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = PAGES.get(self.path.partition("?")[0], "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        kept = "max-age=60" if self.path.startswith("/static/") else "no-store"
        self.send_header("Cache-Control", kept)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.asked.append("POST " + self.path)
        self.send_response(303)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_phone_goes_where_a_person_would() -> None:
    site = type("OfThisTest", (Site,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), site)
    serving = Thread(target=server.serve_forever)
    serving.start()
    answers, end = Answers(), Event()
    try:
        phone = Phone(f"http://127.0.0.1:{server.server_port}", answers.note, 1, (0.0, 0.01))
        living = Thread(target=phone.live, args=("Ana", "secret", end))
        living.start()
        while not {"/a/part", "/p1.jpg"} <= set(site.asked):
            assert not end.wait(0.01) and len(site.asked) < 10_000
        end.set()
        living.join(10)
        phone.close()
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    assert "/a?b=1&c=2" in site.asked and "POST /login" in site.asked
    assert site.asked.count("/static/style.css") == 1
    assert not {"/logout", "/report.pdf"} & set(site.asked)
    assert answers.errors() == []


def test_a_connection_that_breaks_is_an_answer_too() -> None:
    answers = Answers()
    phone = Phone("http://127.0.0.1:9", answers.note)
    assert phone.fetch("/") == (0, "")
    assert answers.statuses() == {0: 1}


def test_the_cost_of_watching_is_judged() -> None:
    turns = [Turn(False, 4.0, 0.0), Turn(True, 3.8, 12.0), Turn(False, 4.2, 0), Turn(True, 3.9, 11)]
    told, problems = judge(turns, (640, 480))
    assert problems == [] and told["pictures_per_s"] == 11.5
    assert told["lost_fraction"] == pytest.approx(1 - 3.85 / 4.1, abs=1e-3)
    slow = [Turn(False, 4.0, 0.0), Turn(True, 3.0, 5.0)]
    assert judge(slow, (320, 240))[1] == [
        "5.0 pictures a second; 10 are wanted",
        "screening loses 25% while it is watched",
        "pictures are 320x240",
    ]
