"""Reports in each language of the page: words, direction, and that they can be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from test_specimen_report import PROTOCOL, page_count, signed_specimen

from edge.cli import main
from edge.language import LANGUAGES, catalog, language_of
from edge.reports.content import SpecimenContent, read_content
from edge.reports.lines import lines_of
from edge.reports.monthly.counts import read_month
from edge.reports.page import render, render_html, render_summary
from edge.reports.paper import Paper
from edge.store.store import Store

FOREIGN = tuple(code for code in LANGUAGES if code != "en")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    found = Store(tmp_path_factory.mktemp("home"))
    signed_specimen(found)
    yield found
    found.close()


@pytest.fixture(scope="module")
def content(store: Store) -> SpecimenContent:
    (specimen,) = store.specimens()
    return read_content(store, specimen.specimen_id, PROTOCOL)


# Of the languages in Latin letters one stands for all.
@pytest.mark.parametrize("code", ["fr", "hi", "ar"])
def test_report_and_summary_are_of_one_page_in_each_language(
    store: Store, content: SpecimenContent, code: str
) -> None:
    assert page_count(render(content, "pdf", code)) == 1
    month = read_month(store, store.now()[:7], PROTOCOL)
    assert page_count(render_summary(month, store.now(), code)) == 1
    page = render_html(content, code)
    assert f'<html lang="{code}" dir="{language_of(code).direction}">' in page
    assert ("Translation not yet reviewed" in page) == (not language_of(code).reviewed)


@pytest.mark.parametrize("code", FOREIGN)
def test_words_are_of_the_language(content: SpecimenContent, code: str) -> None:
    english, foreign = lines_of(content), lines_of(content, code)
    for name in ("title", "notice", "signature", "why"):
        assert getattr(foreign, name) != getattr(english, name), name
    names = [name for name, _ in (*foreign.counts, *foreign.specimen, *foreign.ran)]
    same = {name for name, _ in (*english.counts, *english.specimen, *english.ran)} & set(names)
    assert len(same) < len(names) / 3, same  # "Site" is French, too
    # What identifies stays as it is.
    told = " ".join(value for _, value in foreign.specimen)
    assert "P-1" in told and "BC-1" in told and content.specimen.specimen_id in told


def signs_of(name: str) -> set[int]:
    with as_file(files("edge.reports") / "fonts" / name) as path, TTFont(path) as font:
        return set(font.getBestCmap())


@pytest.mark.parametrize("code", FOREIGN)
@pytest.mark.parametrize("face", ["", "-Bold"])
def test_fonts_have_every_sign_of_the_catalog(code: str, face: str) -> None:
    known = signs_of(f"DejaVuSans{face}.ttf")
    if code == "hi":
        known |= signs_of(f"NotoSansDevanagari{face or '-Regular'}.ttf")
    texts = catalog(code)._catalog.values()
    used = {sign for text in texts for sign in text.partition("\n\n")[0] if sign != "\n"}
    assert used and not {sign for sign in used if ord(sign) not in known}


def test_name_after_another_script_is_drawn_in_its_own_font() -> None:
    paper = Paper("निदान", "hi", "S-1")
    paper.add_page()
    paper.write_rows([("स्थान", "Ward")], 100)
    paper.set_compression(False)
    data = bytes(paper.output())
    fonts = re.findall(rb"/(F\d+) 8.00 Tf", data)
    assert len(fonts) >= 2 and fonts[-1] != fonts[-2]


def test_commands_write_in_a_language(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINICSCOPE_HOME", str(store.home))
    (specimen,) = store.specimens()
    out = tmp_path / "a.html"
    assert main(["report", specimen.specimen_id, "--out", str(out), "--language", "ar"]) == 0
    assert 'dir="rtl"' in out.read_text()
    month = ["summary", store.now()[:7], "--out", str(tmp_path / "a.pdf"), "--language"]
    assert main([*month, "hi"]) == 0
    assert main([*month, "xx"]) == 2
