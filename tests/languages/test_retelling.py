"""What the records say in English is told in the reader's language, with its figures."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge
from edge.analysis import quality
from edge.contract.bundle import open_bundle
from edge.installed import SHIPPED_DIR
from edge.language import LANGUAGES, translate
from edge.retelling import retell
from edge.sentences import FIGURES, SENTENCES

ROOT = Path(edge.__file__).parent
# Modules whose sentences reach a page as they are.
TELLING = (
    "analysis/quality.py",
    "cameras/specimen.py",
    "cameras/status.py",
    "cameras/supervised.py",
    "protocol/person.py",
    "protocol/reviewed_verdict.py",
    "protocol/verdict.py",
    "screening/resumed.py",
    "screening/service.py",
    "signing.py",
    "store/correcting.py",
    "store/decisions.py",
    "store/passwords.py",
    "store/results.py",
    "store/review.py",
    "store/taken_back.py",
    "store/text_rules.py",
    "store/tokens.py",
    "store/users.py",
    "updates/floors.py",
    "updates/stick.py",
    "updates/trust.py",
    "updates/verify.py",
)
# For a programmer, not for who is at the page.
_INNER = (
    "no slide",
    "counts are",
    "has no novelty",
    "is no suspect cell",
    "is kept as",
    # Files of the device's own, which a technician mends.
    "is damaged",
    "mend the file",
    "restore it from a backup",
    "schema_version",
)


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_each_template_is_found_again_with_its_values(code: str) -> None:
    for template in SENTENCES:
        holes = re.findall(r"%\((\w+)\)s", template)
        values = {name: "7" if name in FIGURES else f"«{name}»" for name in holes}
        made = template % values if holes else template
        assert retell(made, code) == translate(template, code, **values), template


def test_english_and_unknown_languages_are_left_alone() -> None:
    assert retell(quality.TOO_DARK, "en") == quality.TOO_DARK
    assert retell(quality.TOO_DARK, "xx") == quality.TOO_DARK


def test_what_nothing_has_made_stays_as_it_is() -> None:
    assert retell("Ada's note, 12.5 %", "fr") == "Ada's note, 12.5 %"


def test_figures_are_written_as_the_language_has_them() -> None:
    told = retell("12 of 5,040 red cells look infected", "fr")
    assert "5\u202f040" in told
    told = retell("a parasitaemia above 0.12% is excluded at 95 %.", "fr")
    assert "0,12" in told and told.endswith(".")
    # Records from before have it without the space.
    assert retell("a parasitaemia above 0.12 % is excluded at 95 %.", "fr") == told


def test_percentages_are_written_in_one_way() -> None:
    """With a space, as the SI has it: Python's own format leaves none."""
    own = re.compile(r":[+,]?(?:\.\d)?%\}")
    files = [path for kind in ("*.py", "*.html") for path in ROOT.rglob(kind)]
    found = [str(path) for path in files if own.search(path.read_text(encoding="utf-8"))]
    assert len(files) > 200 and found == []


def test_sentences_one_after_the_other_are_all_told() -> None:
    sentence = (
        "12 of 5,040 red cells look infected, besides 3 not counted (cut by a field's edge or "
        "unlike any red cell); a parasitaemia of up to 0.9% cannot be excluded: have the suspect "
        "cells reviewed."
    )
    for code in LANGUAGES:
        told = retell(sentence, code)
        assert code == "en" or not {"infected", "besides", "cannot"} & set(told.split())
    assert (
        retell("1 cell is infected, as a person confirmed; all are gametocytes.", "hi")[-1] == "।"
    )


def test_value_that_is_a_sentence_is_told_too() -> None:
    sentence = f"4 of 5 fields were refused: {quality.TOO_WEAK}."
    told = retell(sentence, "es")
    assert translate(quality.TOO_WEAK, "es") in told and quality.TOO_WEAK not in told


def sentences_of(path: Path) -> Iterator[str]:
    """What a module's errors and constants say, with something in each hole."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            yield from _rendered(node.exc.args[0])
        if isinstance(node, ast.Assign | ast.Return) and isinstance(node.value, ast.Constant):
            yield from _rendered(node.value)


def _rendered(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value.strip()
    if isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values
        )


@pytest.mark.parametrize("name", ("cxr-covid-1", "cxr-pneumonia-1"))
def test_limits_under_every_x_ray_are_told(name: str) -> None:
    manifest = open_bundle(SHIPPED_DIR / name).manifest
    for limit in manifest.limitations:
        assert retell(limit, "fr") != limit


@pytest.mark.parametrize("name", TELLING)
def test_every_sentence_of_a_module_has_a_template(name: str) -> None:
    untold = [
        sentence
        for sentence in sentences_of(ROOT / name)
        if not any(words in sentence for words in _INNER) and retell(sentence, "fr") == sentence
    ]
    assert untold == []
