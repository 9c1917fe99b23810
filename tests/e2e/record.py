"""Looks at every page and writes what was found: `make pages`.

    python -m tests.e2e.record [--json RECORD] [PAGE...]

Of each page its faults in every look and on paper, and its bytes on a phone with a sharp screen:
opened first, and after another. Exit code 1 where there is a fault or a page is too heavy.
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

from tests.e2e.axe import grave
from tests.e2e.keyboard import tab_through
from tests.e2e.looks import LOOKS, SHARP_PHONE, judge, judge_paper
from tests.e2e.pages import ADMIN, PAGES, RARE_PAGES, TOO_OFTEN, PageSpec
from tests.e2e.visits import Visits, visits
from tests.e2e.weight import FIRST_LOAD_BYTES, NEXT_LOAD_BYTES, Weight, weighed

REPORT = "report"


def main(names: list[str], out: Path | None) -> int:
    """All pages, or those named."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, visits(Path(folder)) as clinic:
        for spec in (*PAGES, *RARE_PAGES):
            if not names or spec.name in names:
                found[spec.name] = look_at(clinic, spec) | weigh(clinic, spec)
                line = json.dumps({spec.name: found[spec.name]}, ensure_ascii=False)
                sys.stderr.write(f"{line}\n")
        if not names or REPORT in names:
            found[REPORT] = {"faults": look_at_report(clinic)}
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
    return {"faults": [*faults, *judge_paper(page)]}


def look_at_report(clinic: Visits) -> list[str]:
    """Faults of the file that a result is saved and printed as."""
    page, _ = clinic.page(LOOKS[-1], ADMIN)
    address = f"{clinic.address}/specimens/{clinic.ids['positive']}/report.html"
    page.set_content(page.request.get(address).text())
    return [*grave(page), *judge_paper(page)]


def weigh(clinic: Visits, spec: PageSpec) -> dict[str, Any]:
    """Bytes of a page where nothing is kept yet, and of the same once its styles are."""
    if spec.who == TOO_OFTEN:
        return {}  # Every file of it would be one request too many.
    with closing(clinic.cold(SHARP_PHONE, spec.who)) as cold:
        page = cold.new_page()
        first = _weigh(page, clinic.url(spec))
        after = _weigh(page, clinic.url(spec))
    return {
        "first_bytes": first.without_pictures,
        "first_with_pictures_bytes": first.bytes,
        "next_bytes": after.without_pictures,
    }


def too_heavy(one: dict[str, Any]) -> bool:
    """Over what a page may weigh."""
    heavy: bool = (
        one.get("first_with_pictures_bytes", 0) > FIRST_LOAD_BYTES
        or one.get("next_bytes", 0) > NEXT_LOAD_BYTES
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
