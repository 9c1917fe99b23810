"""What Ray and the driver cost beside the work: empty pieces, and slides that are only listed.

    python -m tests.scale.overhead [--pieces 3000] [--json RECORD]

For the sizing in docs/scale.md. Takes some 3 minutes on two cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

from edge.archive.parts import part_path
from edge.archive.simulated import SimulatedSource
from edge.engine import Engine, EngineSettings, open_engine
from tests.scale.archives import clear_up_when_ended, facts, say, write_record

TURNS = 3
HEAVY = 8
LISTED = 200_000


def nothing(number: int) -> int:
    """A piece that is no work."""
    return number


def seconds_a_piece(engine: Engine, pieces: int) -> float:
    """Median over some turns, of empty pieces through `Engine.stream`."""
    sum(1 for _ in engine.stream(nothing, range(10)))
    return statistics.median(_one_turn(engine, pieces) for _ in range(TURNS))


def _one_turn(engine: Engine, pieces: int) -> float:
    started = time.monotonic()
    done = sum(1 for one in engine.stream(nothing, range(pieces)) if one.error is None)
    if done != pieces:
        raise RuntimeError(f"{done} of {pieces} pieces came back")
    return (time.monotonic() - started) / pieces


def seconds_a_heavy_piece(engine: Engine) -> float:
    """Of empty pieces through `Engine.run`, each in a fresh process."""
    started = time.monotonic()
    done = sum(1 for one in engine.run(nothing, range(HEAVY)) if one.error is None)
    if done != HEAVY:
        raise RuntimeError(f"{done} of {HEAVY} pieces came back")
    return (time.monotonic() - started) / HEAVY


def ray(workers: int, pieces: int) -> dict[str, float]:
    """A Ray of so many workers on this machine."""
    started = time.monotonic()
    with open_engine(EngineSettings("ray", workers=workers)) as engine:
        opened = time.monotonic() - started
        found = {
            "open_s": round(opened, 2),
            "stream_s_per_piece": round(seconds_a_piece(engine, pieces), 5),
            "run_s_per_piece": round(seconds_a_heavy_piece(engine), 3),
        }
    say(f"Ray, {workers} workers: {found}")
    return found


def listing() -> dict[str, float]:
    """What a slide costs the driver that is only listed, as one that is done before."""
    source = SimulatedSource(f"simulated:slides={LISTED}&fields=100")
    started = time.monotonic()
    for slide in source.slides():
        part_path(slide)
    seconds = time.monotonic() - started
    tracemalloc.start()
    held = {part_path(slide) for _, slide in zip(range(20_000), source.slides(), strict=False)}
    size = tracemalloc.get_traced_memory()[0] / len(held)
    tracemalloc.stop()
    return {"s_per_slide": round(seconds / LISTED, 7), "bytes_per_slide": round(size)}


def main() -> int:
    """The command; 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pieces", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clear_up_when_ended()
    with open_engine(EngineSettings()) as engine:
        local = seconds_a_piece(engine, options.pieces)
    record: dict[str, Any] = facts("tests.scale.overhead", sys.argv[1:]) | {
        "pieces": options.pieces,
        "local": {"stream_s_per_piece": round(local, 7)},
        "one_worker": ray(1, options.pieces),
        "two_workers": ray(2, options.pieces),
        "listing": listing(),
    }
    write_record(options.json, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
