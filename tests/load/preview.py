"""What it costs to watch the camera: pictures a second, and screening with and without.

The camera is one on the network, of 1280 x 960 px and 25 pictures a second. What is screened
meanwhile was sent, so that it waits for no slide to be moved and is as fast as the device.

    python -m tests.load.preview --seconds 30 --turns 4 --json RECORD

Exit code 1 where pictures come slower than 10 a second, or screening loses more than a tenth.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from edge.cameras.smear import SmearSettings
from edge.contract.images import decode_image
from tests.load.answers import Answers
from tests.load.phone import Phone
from tests.load.phones import busy_appliance
from tests.support.appliance import PASSWORD
from tests.support.mjpeg_server import drawn_jpegs, mjpeg_server

CONFIG = '[camera]\nname = "network"\n[camera.settings]\nurl = "{}"\n'
FIELD = SmearSettings(parasitaemia_fraction=0.02)
FIELDS_DRAWN, CAMERA_FPS = 20, 25.0
STREAM = "/camera/stream.mjpg"
LEAST_FPS, MOST_LOST = 10.0, 0.1
LEAST_PX = (640, 480)
_SOON_S = 0.1


class Screening:
    """Slides, one after the other, sent by a program."""

    def __init__(self, address: str, secret: str, fields: list[bytes]) -> None:
        self._address, self._secret = address, secret
        self._fields = fields

    def go_on(self, end: threading.Event) -> None:
        """Until the end."""
        while not end.wait(_SOON_S):
            if not self._ask("/api/v1/specimens?status=running&limit=1")["items"]:
                with suppress(urllib.error.HTTPError):
                    self._send()

    def fields(self) -> int:
        """That were read by now."""
        found = self._ask("/api/v1/specimens?limit=200")["items"]
        return sum(one["fields_read"] + one["fields_refused"] for one in found)

    def _send(self) -> None:
        images = [(BytesIO(data), f"{n}.jpg") for n, data in enumerate(self._fields)]
        form: dict[str, Any] = {
            "label": "LOAD",
            "images": [FileStorage(stream, name) for stream, name in images],
        }
        stream, length, boundary = stream_encode_multipart(MultiDict(form))
        kind = f"multipart/form-data; boundary={boundary}"
        self._ask("/api/v1/specimens", stream.read(length), kind)

    def _ask(self, path: str, body: bytes | None = None, kind: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._secret}"}
        headers |= {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(self._address + path, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


class Viewer:
    """One page that shows the camera."""

    def __init__(self, address: str) -> None:
        self._phone = Phone(address, Answers().note)
        self.pictures = 0
        self.size_px = (0, 0)
        if self._phone.log_in("Person 0", PASSWORD) != 303:
            raise SystemExit("nobody was let in")

    def watch(self, end: threading.Event) -> None:
        """Until the end; asks again where the stream ends, as a page does."""
        while not end.is_set():
            answer = self._phone.open_stream(STREAM)
            if answer.status != 200:
                raise SystemExit(f"the stream was answered with {answer.status}")
            while not end.is_set() and self._next(answer):
                pass
            answer.close()

    def _next(self, answer: Any) -> bool:
        """Reads one picture; False at the end."""
        length = 0
        while line := answer.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            elif length and not line.strip():
                break
        data = answer.read(length) if length else b""
        if not data:
            return False
        if not self.pictures:
            height, width = decode_image(data).shape[:2]
            self.size_px = (width, height)
        self.pictures += 1
        return True


@dataclass(frozen=True)
class Turn:
    """Some seconds of screening, watched or not."""

    watched: bool
    fields_per_s: float
    pictures_per_s: float


def measure(home: Path, seconds: float, turns: int) -> tuple[list[Turn], tuple[int, int]]:
    """Turns by turns without and with a viewer; and the size of its pictures."""
    fields = drawn_jpegs(FIELDS_DRAWN, FIELD)
    with mjpeg_server(fields) as camera:
        camera.fps = CAMERA_FPS
        (home / "config.toml").write_text(CONFIG.format(camera.url))
        return _measure_with(home, fields, seconds, turns)


def _measure_with(
    home: Path, fields: list[bytes], seconds: float, turns: int
) -> tuple[list[Turn], tuple[int, int]]:
    end, found, size = threading.Event(), list[Turn](), (0, 0)
    with busy_appliance(home) as (address, secret):
        screening = Screening(address, secret, fields)
        worker = threading.Thread(target=screening.go_on, args=(end,))
        worker.start()
        time.sleep(min(5.0, seconds))
        for number in range(2 * turns):
            viewer = Viewer(address) if number % 2 else None
            found.append(_one_turn(screening, viewer, seconds))
            size = viewer.size_px if viewer else size
        end.set()
        worker.join()
    return found, size


def _one_turn(screening: Screening, viewer: Viewer | None, seconds: float) -> Turn:
    end = threading.Event()
    watching = threading.Thread(target=viewer.watch, args=(end,)) if viewer else None
    if watching:
        watching.start()
    began, before = time.monotonic(), screening.fields()
    time.sleep(seconds)
    fields, took = screening.fields() - before, time.monotonic() - began
    pictures = viewer.pictures if viewer else 0
    end.set()
    if watching:
        watching.join()
    return Turn(viewer is not None, round(fields / took, 3), round(pictures / took, 2))


def judge(turns: list[Turn], size_px: tuple[int, int]) -> tuple[dict[str, float], list[str]]:
    """Medians, and what is too little."""
    alone = statistics.median(turn.fields_per_s for turn in turns if not turn.watched)
    watched = statistics.median(turn.fields_per_s for turn in turns if turn.watched)
    pictures = statistics.median(turn.pictures_per_s for turn in turns if turn.watched)
    lost = 1 - watched / alone if alone else 1.0
    problems = []
    if pictures < LEAST_FPS:
        problems.append(f"{pictures:.1f} pictures a second; {LEAST_FPS:g} are wanted")
    if lost > MOST_LOST:
        problems.append(f"screening loses {lost:.0%} while it is watched")
    if size_px[0] < LEAST_PX[0] or size_px[1] < LEAST_PX[1]:
        problems.append(f"pictures are {size_px[0]}x{size_px[1]}")
    told = {"fields_per_s": alone, "fields_per_s_watched": watched, "lost_fraction": round(lost, 4)}
    return told | {"pictures_per_s": pictures}, problems


@click.command()
@click.option("--seconds", default=30.0, show_default=True, help="Of each turn.")
@click.option("--turns", default=4, show_default=True, type=click.IntRange(1), help="Of each kind.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the record here.")
def main(seconds: float, turns: int, path: Path | None) -> None:
    """Measures, judges, and prints what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        found, size_px = measure(home, seconds, turns)
    told, problems = judge(found, size_px)
    record = {
        "seconds": seconds,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "size_px": size_px,
        **told,
        "turns": [vars(turn) for turn in found],
        "problems": problems,
    }
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(json.dumps({**told, "size_px": size_px}))
    click.echo("\n".join(problems) or "fast enough")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
