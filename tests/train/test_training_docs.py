"""docs/training.md is followed to the letter: its modules, its recipe, its commands."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import train.datasets
import train.models
from edge.cameras.smear import draw_cell
from edge.cli import program
from edge.contract.images import encode_image
from train import recipe, splits
from train.cli import train as train_group
from train.datasets import base

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/training.md"
PAGES = [GUIDE, ROOT / "README.md", ROOT / "docs/compression.md"]
Run = Callable[..., tuple[int, str, str]]


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE.read_text(), re.M | re.S)
    return str(found)


def blocks(text: str) -> list[str]:
    """The fenced blocks of a page, without what indents them."""
    found = re.findall(r"^( *)```\w*\n(.*?)^\1```$", text, re.M | re.S)
    return [textwrap.dedent(body) for _, body in found]


def commands(text: str) -> list[list[str]]:
    lines = [line for block in blocks(text) for line in block.splitlines()]
    return [
        shlex.split(line, comments=True)[1:] for line in lines if line.startswith("clinicscope ")
    ]


def file_of(text: str, path: str) -> str:
    (found,) = [block for block in blocks(text) if block.startswith(f"# {path}\n")]
    return found


def draw(root: Path) -> None:
    """`mine/{round,sickled}`: what the guide's module reads; ten patients, four cells of each."""
    for label, kind in (("round", "uninfected"), ("sickled", "gametocyte")):
        (root / "mine" / label).mkdir(parents=True)
        for patient in range(10):
            for number in range(4):
                image, _ = draw_cell(kind, 100 * patient + number, 40)
                name = f"P{patient}_{label}{number}.png"
                (root / "mine" / label / name).write_bytes(encode_image(image))


@pytest.fixture()
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; modules, recipes and folds added to it belong to the program."""
    for name in ("datasets", "models", "recipes", "folds"):
        (tmp_path / "train" / name).mkdir(parents=True)
    for package in (train.datasets, train.models):
        added = tmp_path / "train" / package.__name__.split(".")[1]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(added)])
    monkeypatch.setattr(recipe, "RECIPES_DIR", tmp_path / "train/recipes")
    monkeypatch.setattr(splits, "FOLDS_DIR", tmp_path / "train/folds")
    monkeypatch.setenv("CLINICSCOPE_DATA", str(tmp_path / "images"))
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "images")
    yield tmp_path
    import sys

    for name in ("train.datasets.mine", "train.models.mine"):
        sys.modules.pop(name, None)


def write_files(root: Path, text: str, *paths: str) -> None:
    for path in paths:
        (root / path).write_text(file_of(text, path))


def follow(text: str, clinicscope: Run) -> None:
    for words in commands(text):
        code, _, err = clinicscope(*words)
        assert code == 0, f"{words}: {err}"


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_task_and_model_are_added_as_the_guide_says(
    newcomer: Path, monkeypatch: pytest.MonkeyPatch, clinicscope: Run
) -> None:
    task, model = section("Add a task"), section("Add a model")
    write_files(newcomer, task, "train/datasets/mine.py", "train/recipes/mine.toml")
    monkeypatch.setitem(base.DATASETS, *entry(task))
    follow(task, clinicscope)
    assert (newcomer / "train/folds/mine.json").is_file()
    assert (newcomer / "runs/try/held_out.npz").is_file()
    page = (newcomer / "reports/try.html").read_text()
    assert "sickled" in page
    assert (newcomer / "runs/explain-try.html").is_file()

    write_files(newcomer, model, "train/models/mine.py")
    monkeypatch.setitem(train.models.MODELS, *entry(model))
    follow(model, clinicscope)
    assert (newcomer / "runs/network/model.weights.h5").is_file()
    # 3 x 3 x 3 x 16 + 16, 3 x 3 x 16 x 32 + 32, 32 + 1.
    assert json.loads((newcomer / "runs/network/cost.json").read_text())["parameters"] == 5121
    assert "mine, 48" in (newcomer / "reports/runs.html").read_text()


def entry(text: str) -> tuple[str, str]:
    """The line for the registry: `"mine": "train.datasets.mine",`."""
    (found,) = re.findall(r'`"(\w+)": "([\w.]+)",`', text)
    return found


def spoken(page: Path) -> list[list[str]]:
    """Every command that a page shows, in a block or in a sentence."""
    text = page.read_text()
    inline = [" ".join(words.split()) for words in re.findall(r"`(clinicscope [^`]*)`", text)]
    looped = re.findall(r"do (clinicscope [^;]*);", text)
    return commands(text) + [shlex.split(words)[1:] for words in inline + looped]


@pytest.mark.train
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    found = spoken(page)
    assert len(found) > 5
    for words in found:
        command: click.Command = program
        rest = list(words)
        # A group may be called by itself, with options of its own.
        while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
            name = rest.pop(0)
            inner = command.get_command(click.Context(command), name)
            assert inner is not None, f"{page.name}: no command {name!r} in {words}"
            command = inner
        known = {option for parameter in command.params for option in parameter.opts}
        given = {word.strip("[]").split("=")[0] for word in rest if word.strip("[").startswith("-")}
        assert given <= known | {"--help"}, f"{page.name}: {words}"


def test_guide_names_every_command_of_train() -> None:
    named = {words[1] for words in spoken(GUIDE) if words[:1] == ["train"] and len(words) > 1}
    assert named == set(train_group.commands)
