"""Every page on a phone and on a screen, in both themes and from right to left: nothing hinders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.keyboard import tab_through
from tests.e2e.looks import QUICK_LOOKS, SHARP_PHONE, judge
from tests.e2e.pages import PAGES, PageSpec
from tests.e2e.visits import Visits, visits
from tests.e2e.weight import FIRST_LOAD_BYTES, NEXT_LOAD_BYTES, weighed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# All others are weighed by `make pages`; these have most in them.
HEAVY = {"today", "result-positive", "field", "review", "history", "result-xray"}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    with visits(tmp_path_factory.mktemp("every-page")) as found:
        yield found


@pytest.mark.parametrize("spec", PAGES, ids=lambda spec: spec.name)
def test_page_has_no_fault(clinic: Visits, spec: PageSpec) -> None:
    found = []
    for look in QUICK_LOOKS:
        page, watch = clinic.visit(look, spec)
        found += [f"{look.name}: {one}" for one in judge(page, watch, look)]
    found += tab_through(page).problems
    assert found == []


def test_heaviest_pages_are_light(clinic: Visits) -> None:
    """The first page that a phone opens, with its pictures; each one after it without new ones."""
    warm = clinic.cold(SHARP_PHONE)
    warmed, heavy = warm.new_page(), []
    warmed.goto(clinic.address)
    for spec in (page for page in PAGES if page.name in HEAVY):
        cold = clinic.cold(SHARP_PHONE)
        for most, page in ((FIRST_LOAD_BYTES, cold.new_page()), (NEXT_LOAD_BYTES, warmed)):
            with weighed(page) as weight:
                page.goto(clinic.url(spec))
            found = weight.bytes if page is not warmed else weight.without_pictures
            if found > most:
                heavy.append(f"{spec.name} {found:,}: {weight.heaviest()}")
        cold.close()
    warm.close()
    assert heavy == []
