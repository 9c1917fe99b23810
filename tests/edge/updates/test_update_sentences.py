"""What a page shows of updates has a template, so that it can be told in other languages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edge
from edge.retelling import _patterns

ROOT = Path(edge.__file__).parent / "updates"
# Of a damaged file of the device's own, which an engineer mends; and an error that is passed on.
_INNER = ("is damaged", "mend the file", "restore it from a backup", "schema_version")


def said_by(path: Path) -> list[str]:
    """What a module's errors say, with something in each hole."""
    raised = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Raise)]
    calls = [node.exc for node in raised if isinstance(node.exc, ast.Call) and node.exc.args]
    return ["".join(_parts(call.args[0])) for call in calls]


def _parts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in _parts(value)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    named = ast.unparse(node) == "SIGNATURE_FILE" or "{SIGNATURE_FILE}" in ast.unparse(node)
    return ["SIGNATURE" if named else "7"]


@pytest.mark.parametrize("name", ["floors.py", "stick.py", "trust.py", "verify.py"])
def test_every_refusal_that_a_page_shows_has_a_template(name: str) -> None:
    untold = [
        sentence
        for sentence in said_by(ROOT / name)
        if not any(words in sentence for words in _INNER)
        and not any(pattern.fullmatch(sentence) for _, pattern, _ in _patterns())
    ]
    assert untold == []
