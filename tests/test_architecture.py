"""Imports run one way, heavy ones stay out of the device, and nothing names an outside address."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"edge", "web_ui", "train", "compress"}
ALLOWED = {
    "edge": {"edge"},
    "web_ui": {"web_ui", "edge"},
    "train": {"train", "edge"},
    "compress": {"compress", "train", "edge"},
}


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no module below {folder}"
    return found


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", sorted(OURS))
def test_arrows_run_one_way(package: str) -> None:
    for path in modules(package):
        ours = {name.split(".")[0] for name in imports_of(path)} & OURS
        assert ours <= ALLOWED[package], f"{path} imports {ours - ALLOWED[package]}"


def of_edge_beside(path: Path, *rooms: str) -> set[str]:
    """What a module imports of edge, besides these rooms."""
    own = {name for name in imports_of(path) if name.split(".")[0] == "edge"}
    return {name for name in own if not f"{name}.".startswith(tuple(f"{r}." for r in rooms))}


def test_train_imports_only_the_contract_and_the_engine_of_edge() -> None:
    for path in modules("train"):
        other = of_edge_beside(path, "edge.contract", "edge.engine")
        assert not other, f"{path} imports {other}"


def test_engine_knows_nothing_of_the_device() -> None:
    for path in modules("edge/engine"):
        other = of_edge_beside(path, "edge.contract", "edge.engine")
        assert not other, f"{path} imports {other}"


def test_contract_needs_numpy_and_opencv_alone() -> None:
    for path in modules("edge/contract"):
        tops = {name.split(".")[0] for name in imports_of(path)}
        foreign = tops - set(sys.stdlib_module_names) - {"edge", "numpy", "cv2"}
        assert not foreign, f"{path} imports {foreign}"


def test_device_starts_without_tensorflow() -> None:
    code = (
        "import pkgutil, importlib, sys, edge, web_ui\n"
        "for package in (edge, web_ui):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if '.migrations' not in found.name: importlib.import_module(found.name)\n"
        "heavy = {'tensorflow', 'tf_keras', 'train', 'compress', 'sklearn', 'ray', 'pyarrow'}\n"
        "bad = heavy & set(sys.modules)\n"
        "print(sorted(bad)); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_locks_name_no_address_and_hash_everything() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert {lock.name for lock in locks} >= {"device.lock", "all.lock"}
    for lock in locks:
        text = lock.read_text()
        assert not re.search(r"https?://|--index|--find-links|file:", text), lock
        pinned = re.findall(r"^[a-zA-Z0-9_.-]+==\S+", text, re.MULTILINE)
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert len(pinned) == len(blocks)
        assert all("--hash=sha256:" in block for block in blocks), lock
