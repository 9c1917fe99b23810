"""How fast an archive is screened: one process, one worker of Ray, two workers, in turns.

    python -m tests.scale.speed [--slides 80] [--fields 10] [--turns 3] [--json RECORD]

The slides are folders of JPEG fields of 1280 x 960 px, drawn before, as a device stores them. Of
each run two figures: the command from its start to its end, and the rate once all workers are at
work, from the times of the slides' results; the difference is what starting costs. All outputs must
be the same. Exit code 1 where two workers are less than 1.6 times as fast as one process, or one
worker is more than a tenth slower, by rate; takes some 8 minutes on two cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import encode_image
from tests.scale.archives import clear_up_when_ended, facts, read_output, run, say, write_record

LEAST_TIMES, MOST_OVERHEAD = 1.6, 0.10
# Slides at the start that do not count for the rate: workers come one after the other.
EARLY = 0.2
KINDS: dict[str, tuple[str, ...]] = {
    "one process": (),
    "one worker": ("--engine", "ray", "--workers", "1"),
    "two workers": ("--engine", "ray", "--workers", "2"),
}


# Fields that are drawn; each slide has the same ones, under a name of its own.
DRAWN = SmearSettings()


def write_archive(root: Path, slides: int, fields: int) -> int:
    """Slides in folders; returns the bytes of all fields."""
    drawn = [encode_image(draw_field(DRAWN, 12, at).image, ".jpg") for at in range(fields)]
    for number in range(slides):
        folder = root / f"slide-{number:04d}"
        folder.mkdir(parents=True)
        for at, data in enumerate(drawn):
            (folder / f"field-{at:03d}.jpg").write_bytes(data)
    return slides * sum(map(len, drawn))


def seconds_per_slide(out: Path) -> float:
    """From one slide's result to the next, once all workers are at work."""
    times = sorted(path.stat().st_mtime for path in out.glob("parts/*/*.parquet"))
    first = int(len(times) * EARLY)
    return (times[-1] - times[first]) / (len(times) - 1 - first)


def measure(source: str, turns: int, folder: Path) -> tuple[dict[str, list[Any]], set[str]]:
    """Of each kind (seconds, seconds a slide) of each turn; and the outputs' sha256."""
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    outputs = set()
    for turn in range(turns):
        for kind in list(KINDS)[:: 1 if turn % 2 == 0 else -1]:
            out = folder / f"{kind} {turn}"
            seconds = run(source, out, folder / "home", *KINDS[kind])
            found[kind].append((round(seconds, 2), round(seconds_per_slide(out), 4)))
            outputs.add(read_output(out).sha256)
            say(f"turn {turn + 1}, {kind}: {seconds:.1f} s, {found[kind][-1][1]:.3f} s a slide")
    return found, outputs


def figures(found: dict[str, list[Any]], slides: int) -> dict[str, Any]:
    """Medians, and what is compared of them."""
    whole = {kind: statistics.median(one[0] for one in turns) for kind, turns in found.items()}
    rate = {kind: statistics.median(one[1] for one in turns) for kind, turns in found.items()}
    alone, one, two = KINDS
    return {
        "seconds": whole,
        "seconds_per_slide": rate,
        "start_s": {kind: round(whole[kind] - slides * rate[kind], 2) for kind in KINDS},
        "times_as_fast": {
            "rate": round(rate[alone] / rate[two], 3),
            "with_start": round(whole[alone] / whole[two], 3),
        },
        "overhead_fraction": {
            "rate": round(rate[one] / rate[alone] - 1, 4),
            "with_start": round(whole[one] / whole[alone] - 1, 4),
        },
    }


def main() -> int:
    """The command; 0 where the figures are reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slides", type=int, default=80)
    parser.add_argument("--fields", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clear_up_when_ended()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "archive"
        size = write_archive(source, options.slides, options.fields)
        found, outputs = measure(str(source), options.turns, Path(folder))
    came_to = figures(found, options.slides)
    record = facts("tests.scale.speed", sys.argv[1:]) | {
        "slides": options.slides,
        "fields_per_slide": options.fields,
        "field_bytes": round(size / options.slides / options.fields),
        "turns": found,
        "outputs_are_the_same": len(outputs) == 1,
    }
    write_record(options.json, record | came_to)
    fast = came_to["times_as_fast"]["rate"] >= LEAST_TIMES
    cheap = came_to["overhead_fraction"]["rate"] <= MOST_OVERHEAD
    return 0 if fast and cheap and len(outputs) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
