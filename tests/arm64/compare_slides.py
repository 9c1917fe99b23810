"""Two `screen --json` files of the same drawn fields: compare_slides.py HERE THERE

Exit code 1 where they differ by more than the one cell in a hundred that may lie so near to a
threshold that a network within its tolerance calls it otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

# Of the slide's record: what must be the same, and the counts that may be a few cells apart.
SAME = ("verdict", "fields_read", "fields_refused", "bundle_sha256", "stages_bundle_sha256")
COUNTS = ("rbc_count", "positive_count")
MOST_APART = 0.01


def differences(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """What is not alike, in words."""
    found = [name for name in SAME if here[name] != there[name]]
    few = max(1, round(MOST_APART * here["rbc_count"]))
    found += [name for name in COUNTS if abs(here[name] - there[name]) > few]
    return [f"{name} is {here[name]!r} here and {there[name]!r} there" for name in found]


def main(here: Path, there: Path) -> int:
    slides = [json.loads(path.read_text())["slide"] for path in (here, there)]
    for slide in slides:
        click.echo(
            f"  {slide['runtime']}/{slide['accelerator']}: {slide['verdict']}, "
            + ", ".join(f"{name} {slide[name]}" for name in COUNTS)
        )
    found = differences(*slides)
    click.echo("\n".join(f"  {line}" for line in found) or "  alike")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
