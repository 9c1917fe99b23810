"""No page is left out of what the browser tests look at."""

from __future__ import annotations

from flask import Flask

from tests.e2e.pages import NOT_PAGES, PAGES, RARE_PAGES


def test_every_route_is_a_page_that_is_looked_at_or_none(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    looked_at = {page.endpoint for page in PAGES if page.endpoint}
    assert sorted(routes - looked_at - NOT_PAGES) == [], "add them to tests/e2e/pages.py"
    assert sorted((looked_at | NOT_PAGES) - routes) == [], "the table names routes that are gone"
    assert sorted(looked_at & NOT_PAGES) == []


def test_names_of_pages_are_told_apart() -> None:
    names = [page.name for page in (*PAGES, *RARE_PAGES)]
    assert len(set(names)) == len(names)
