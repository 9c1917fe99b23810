"""Asks a page until it answers as wanted: python -m tests.appliance.page URL [--status 200 ...]

Prints, as JSON, the status, the time of the first wanted answer by CLOCK_MONOTONIC, which a machine
in a container shares, and the page. Exit code 1 where no such answer came in time.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Answer:
    """Status 0 is no answer; `at_s` by CLOCK_MONOTONIC."""

    status: int
    at_s: float
    body: str


def ask(url: str) -> Answer:
    """One answer; the device's own certificate is taken as it is."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=5, context=trusting) as answer:
            return Answer(answer.status, time.monotonic(), answer.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, time.monotonic(), error.read().decode())
    except OSError as error:
        return Answer(0, time.monotonic(), str(error))


def ask_until(url: str, wanted: set[int], contains: str, within_s: float) -> tuple[Answer, bool]:
    """The first wanted answer, or the last one."""
    until = time.monotonic() + within_s
    while True:
        answer = ask(url)
        if answer.status in wanted and contains in answer.body:
            return answer, True
        if time.monotonic() > until:
            return answer, False
        time.sleep(0.02)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--status", type=int, nargs="+", default=[200])
    parser.add_argument("--contains", default="")
    parser.add_argument("--within", type=float, default=30.0)
    asked = parser.parse_args(words)
    answer, came = ask_until(asked.url, set(asked.status), asked.contains, asked.within)
    sys.stdout.write(json.dumps(asdict(answer)))
    return 0 if came else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
