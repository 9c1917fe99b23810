"""Many phones at one appliance while it screens.

    python -m tests.load.phones --phones 50 --minutes 10 --json RECORD
    python -m tests.load.phones --phones 10 --minutes 2 --page-limit-ms 100

Exit code 1 where a request fails with anything but 429, memory grows, or a page is too slow.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge.store.store import Store
from edge.store.tokens import SPECIMENS, Tokens
from edge.store.users import Users
from tests.load.answers import Answers
from tests.load.phone import Phone
from tests.soak.checks import Memory, judge_memory
from tests.support.appliance import PASSWORD, appliance

ROLES = ("operator", "reviewer", "admin", "operator", "reviewer")
SLIDE = {"parasitaemia_fraction": 0.02, "fields": 30}
_SAMPLES = 120
# Of the time: people come one after the other, and a password's hash is made to be slow.
_COMING = 0.1
# Points of memory over time in the record.
_SHOWN = 40
_MEMORY = "process_resident_memory_bytes"
_FIGURE = re.compile(r"^(\w+) (\S+)$", re.MULTILINE)


class Watch:
    """Looks at the appliance from outside now and then, and keeps it screening."""

    def __init__(self, address: str, secret: str, answers: Answers) -> None:
        self._address, self._secret, self._answers = address, secret, answers
        self.samples: list[dict[str, Any]] = []
        self.slides = 0

    def run(self, end: threading.Event, every_s: float) -> None:
        """Until the end."""
        began = time.monotonic()
        while not end.wait(every_s):
            figures = self._figures()
            if not figures["clinicscope_screening"]:
                self._start_slide()
            self.samples.append(
                {
                    "seconds": round(time.monotonic() - began, 1),
                    "captured": self._answers.count,
                    "memory_kib": figures[_MEMORY] / 1024,
                    "threads": figures["process_threads"],
                    "files": figures["process_open_fds"],
                    # One program from beginning to end.
                    "computed_by": "",
                }
            )

    def _figures(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self._address}/metrics", timeout=60) as answer:
            return {name: float(value) for name, value in _FIGURE.findall(answer.read().decode())}

    def _start_slide(self) -> None:
        self.slides += 1
        slide = {"seed": self.slides, **SLIDE}
        body = {"label": f"LOAD-{self.slides}", "simulated": slide}
        request = urllib.request.Request(
            f"{self._address}/api/v1/specimens",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"},
        )
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=60):
            pass  # Refused where the one before has only just begun or not yet ended.


def add_people(home: Path) -> str:
    """Those who log in, and a program that may start specimens; its token's secret."""
    store = Store(home)
    try:
        for number, role in enumerate(ROLES):
            Users(store).add(f"Person {number}", role, PASSWORD, "test")
        return Tokens(store).create("load", [SPECIMENS], "test")[1]
    finally:
        store.close()


@contextmanager
def busy_appliance(home: Path) -> Iterator[tuple[str, str]]:
    """With people and a token: its address, and the token's secret."""
    secret = add_people(home)
    with appliance(home) as address:
        yield address, secret


def load(home: Path, phones: int, seconds: float) -> tuple[Answers, Watch]:
    """Lets phones work for a while."""
    answers, end = Answers(), threading.Event()
    with busy_appliance(home) as (address, secret):
        watch = Watch(address, secret, answers)
        threads = [
            threading.Thread(
                target=Phone(address, answers.note, number).live,
                args=(f"Person {number % len(ROLES)}", PASSWORD, end, _COMING * seconds),
            )
            for number in range(phones)
        ]
        threads.append(threading.Thread(target=watch.run, args=(end, seconds / _SAMPLES)))
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        end.set()
        for thread in threads:
            thread.join(90)
    return answers, watch


def find_problems(
    answers: Answers, memory: Memory | None, page_limit_ms: float | None
) -> list[str]:
    """What must not be."""
    problems = answers.errors()
    if memory and memory.leaks:
        problems.append(f"memory grew by {memory.growth_kib:,.0f} KiB")
    if page_limit_ms is not None:
        problems += answers.slow_pages(page_limit_ms)
    return problems


def screened(home: Path) -> dict[str, Any]:
    """What came of the slides."""
    store = Store(home)
    try:
        specimens = store.specimens(1000)
        fields = sum((one.report or {}).get("fields_read", 0) for one in specimens)
    finally:
        store.close()
    return {"specimens": [one.status for one in specimens], "fields_read": fields}


@click.command()
@click.option("--phones", default=50, show_default=True, type=click.IntRange(1, 250))
@click.option("--minutes", default=10.0, show_default=True, type=float)
@click.option("--page-limit-ms", type=float, help="No page may take the server longer.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the record here.")
def main(phones: int, minutes: float, page_limit_ms: float | None, path: Path | None) -> None:
    """Loads, judges, and prints what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        answers, watch = load(home, phones, 60 * minutes)
        done = screened(home)
    memory = judge_memory(watch.samples) if watch.samples else None
    problems = find_problems(answers, memory, page_limit_ms)
    record = {
        "phones": phones,
        "minutes": minutes,
        "page_limit_ms": page_limit_ms,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **done,
        **answers.record(),
        "memory": asdict(memory) if memory else None,
        "samples": watch.samples[:: 1 + len(watch.samples) // _SHOWN],
        "problems": problems,
    }
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(f"{answers.count:,} answers: {answers.statuses()}; {done['fields_read']} fields")
    click.echo(f"memory: {memory}")
    for page in answers.pages()[:20]:
        click.echo(f"{page.server_p95_ms:8.1f} ms  {page.count:6}  {page.page} ({page.kind})")
    click.echo("\n".join(problems) or "no error, no leak, no slow page")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
