"""Looks at every page and writes what was found: `make pages`.

    python -m tests.e2e.record [--json RECORD] [PAGE...]

Of each page its faults in every look, and its bytes on a phone: opened first, and after another.
Exit code 1 where there is a fault or a page is too heavy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.keyboard import tab_through
from tests.e2e.looks import LOOKS, judge
from tests.e2e.pages import ADMIN, PAGES, PageSpec
from tests.e2e.visits import Visits, visits
from tests.e2e.weight import FIRST_LOAD_BYTES, NEXT_LOAD_BYTES, Weight, weighed


def main(names: list[str], out: Path | None) -> int:
    """All pages, or those named."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, visits(Path(folder)) as clinic:
        warm = clinic.page(LOOKS[0], ADMIN)[0]
        for spec in PAGES:
            if not names or spec.name in names:
                found[spec.name] = look_at(clinic, spec) | weigh(clinic, spec, warm)
                line = json.dumps({spec.name: found[spec.name]}, ensure_ascii=False)
                sys.stderr.write(f"{line}\n")
    if out is not None:
        out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(any(one["faults"] or too_heavy(one) for one in found.values()))


def look_at(clinic: Visits, spec: PageSpec) -> dict[str, Any]:
    """The faults of a page, each with the look that it was found in."""
    faults = []
    for look in LOOKS:
        page, watch = clinic.visit(look, spec)
        faults += [f"{look.name}: {one}" for one in judge(page, watch, look)]
    faults += tab_through(page).problems
    return {"faults": faults}


def weigh(clinic: Visits, spec: PageSpec, warm: Page) -> dict[str, Any]:
    """Bytes of a page of the admin; others are opened before there is a session to be kept."""
    if spec.who != ADMIN:
        return {}
    with closing(clinic.logged_in(LOOKS[0])) as cold:
        first = _weigh(cold.new_page(), clinic.url(spec))
    # The styles of this room were loaded when the page was looked at.
    after = _weigh(warm, clinic.url(spec))
    return {
        "first_bytes": first.without_pictures,
        "first_with_pictures_bytes": first.bytes,
        "next_bytes": after.without_pictures,
    }


def too_heavy(one: dict[str, Any]) -> bool:
    """Over what a page may weigh."""
    heavy: bool = (
        one.get("first_bytes", 0) > FIRST_LOAD_BYTES or one.get("next_bytes", 0) > NEXT_LOAD_BYTES
    )
    return heavy


def _weigh(page: Page, url: str) -> Weight:
    with weighed(page) as weight:
        page.goto(url)
    return weight


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sys.exit(main(given.names, given.json))
