"""No text of a page stands in its source unwrapped, where no catalog could find it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes
from jinja2.ext import i18n

from edge import reports
from edge.sentences import SENTENCES
from web_ui import words

PAGES = Path(words.__file__).parent
REPORTS = Path(reports.__file__).parent
TEMPLATES = [
    *sorted((PAGES / "templates").rglob("*.html")),
    REPORTS.parent / "templates" / "specimen.html",
]
# What answers programs speaks English.
MODULES = sorted(path for path in PAGES.rglob("*.py") if path.parent.name not in ("api", "metrics"))
SCRIPTS = sorted(path for path in (PAGES / "static").rglob("*.js") if ".min." not in path.name)
WRAPPERS = {"_", "gettext", "ngettext", "lazy_gettext"}
WRAPPERS |= {"mark", "translate", "translate_plural", "say", "_say"}

_SHOWN = ("alt", "aria-label", "aria-valuetext", "content", "placeholder", "title", "label")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
# A constant of a template or of a module that is words, not a class, a key or a name of a file.
_WORDS = re.compile(r"[A-Z][a-z]+(?:[ .,:!?].*)?|.*[a-z]{2,} [a-z]{2,}.*", re.DOTALL)
_CODE = re.compile(r"[={}<>|/\\]|^ |-[a-z]")
_NAMES = {"ClinicScope", "ArrowLeft", "ArrowRight", "Space", "PageDown", "sha256", "age1", "config"}
_ATTRIBUTE = re.compile(r"[a-z0-9-]+=\"[^\"]*\"")
_BLOCK = re.compile(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}|\{#.*?#\}", re.DOTALL)


def environment() -> Environment:
    return Environment(extensions=[i18n], autoescape=True)


class BareText(HTMLParser):
    """Collects what a reader would see of a template's own text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("style", "script", "code", "kbd")
        given = dict(attrs)
        if given.get("lang") == "en":
            self._silent += 1  # Said in English on purpose.
        shown = [
            given.get(name) or "" for name in _SHOWN if not (name == "content" and tag == "meta")
        ]
        self.found += [text for text in shown if self._is_text(text)]

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent and self._is_text(data):
            self.found.append(data.strip())

    @staticmethod
    def _is_text(text: str) -> bool:
        # A macro may hold attributes alone.
        words = re.findall(r"[^\W_]{2,}", _ATTRIBUTE.sub("", text))
        return any(_LETTERS.search(word) and word not in _NAMES for word in words)


def bare_texts(source: str) -> list[str]:
    """Of a template, what stands outside of all expressions."""
    source = _BLOCK.sub(" ", source)
    own = "".join(
        value if kind == "data" else " " if kind in ("variable_end", "block_end") else ""
        for _line, kind, value in environment().lex(source)
    )
    parser = BareText()
    parser.feed(own)
    return parser.found


def loose_words(node: nodes.Node) -> Iterator[str]:
    """String constants that look like words, outside of what wraps them."""
    if isinstance(node, nodes.Call) and getattr(node.node, "name", "") in WRAPPERS:
        return
    if isinstance(node, nodes.TemplateData | nodes.Compare | nodes.Getitem):
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        text = node.value
        own = set(text.split()) - _NAMES
        if own and _WORDS.fullmatch(text) and not _CODE.search(text):
            yield text
    for child in node.iter_child_nodes():
        yield from loose_words(child)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_has_no_bare_text(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert bare_texts(source) == []
    assert list(loose_words(environment().parse(_BLOCK.sub("", source)))) == []


def test_bare_text_is_found() -> None:
    assert bare_texts("<p>Sign it {{ _('now') }}</p>") == ["Sign it"]
    assert bare_texts('<img alt="A cell"><input placeholder="{{ _(\'a\') }}">') == ["A cell"]
    assert bare_texts("<p>{% trans %}Sign it{% endtrans %}</p>") == []
    tree = environment().parse("{{ 'Yes' if x else _('No') }}{{ ' is-on' if x }}")
    assert list(loose_words(tree)) == ["Yes"]


def called(node: ast.AST) -> str:
    """The last part of what a call calls; empty for what is none."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


# What is said to a log, to an engineer at the console, or in an error that `said` retells.
_QUIET = {
    "debug", "info", "warning", "error", "exception", "getLogger", "echo", "option", "command",
    "argument", "group", "add_argument", "compile", "NotFoundError", "Response", "Route",
}  # fmt: skip


def loose_sentences(node: ast.AST) -> Iterator[str]:
    """Sentences in a module's code that nothing wraps: of two words at least, with a capital."""
    if isinstance(node, ast.Raise) or called(node) in WRAPPERS | _QUIET:
        return
    body = getattr(node, "body", None)
    for child in ast.iter_child_nodes(node):
        if isinstance(body, list) and body and child is body[0] and isinstance(child, ast.Expr):
            continue  # A docstring.
        yield from loose_sentences(child)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
        if re.fullmatch(r"[A-Z][a-z]+(?: [a-zA-Z,]+)+[.?!:]?", text) and text not in SENTENCES:
            yield text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PAGES.parent)))
def test_module_has_no_bare_sentence(path: Path) -> None:
    assert list(loose_sentences(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_bare_sentence_is_found() -> None:
    source = 'def f():\n    """A thing."""\n    g(problem="Choose a file.", why=_("Choose one."))'
    assert list(loose_sentences(ast.parse(source))) == ["Choose a file."]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_shows_no_words_of_its_own(path: Path) -> None:
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    strings = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`', source)
    found = [text for pair in strings for text in pair]
    assert [text for text in found if re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)+[.?!:]?", text)] == []
