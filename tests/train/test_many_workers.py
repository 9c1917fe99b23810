"""One fit by two workers: killed here, and undisturbed on Ray, to the last bit; refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_folds import write_known_patients
from tests.support.drawn_task import tiny_recipe
from tests.support.same_fits import assert_same_fit
from train.networks import load_network
from train.recipe_parts import NoveltySpec, TeacherSpec
from train.replicas import check_replicas_of
from train.run_folder import check_replicas

pytestmark = pytest.mark.train
ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


def start_fit(recipe: Path, data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    code = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ("train", "fit", str(recipe), "--replicas", "2", "--out", str(out), "--data", str(data))
    return subprocess.Popen(
        [sys.executable, "-c", code, *words, *more],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def workers_of(parent: int) -> list[int]:
    """Processes that were started to work for another one, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            words = (path / "cmdline").read_text()
        except OSError:
            continue
        if int(stat[1]) == parent and "spawn_main" in words:
            found.append((int(stat[19]), int(path.name)))
    return [pid for _, pid in sorted(found)]


@pytest.mark.timeout(600)
def test_fit_that_loses_a_worker_is_that_of_two_undisturbed_workers_on_ray(tmp_path: Path) -> None:
    recipe, data = tmp_path / "tiny.toml", write_known_patients(tmp_path / "data")
    words = TINY_RECIPE.replace("batch_size = 32", "batch_size = 8")
    recipe.write_text(words.replace("[fit]", "dropout = 0.3\n[fit]"))
    killed, there = tmp_path / "killed", tmp_path / "there"
    child = start_fit(recipe, data, killed)
    deadline = time.monotonic() + 150
    while not (killed / "checkpoint/checkpoint").is_file():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(workers_of(child.pid)[-1], signal.SIGKILL)
    out, err = child.communicate(timeout=280)
    assert child.returncode == 0, err
    assert "the workers start again from the last checkpoint" in err
    assert "epoch   4  loss" in out
    assert (killed / "replicas.json").read_text() == '{"replicas": 2}\n'

    undisturbed = start_fit(recipe, data, there, "--engine", "ray", "--workers", "2")
    _, err = undisturbed.communicate(timeout=280)
    assert undisturbed.returncode == 0, err
    assert "start again" not in err
    assert_same_fit(killed, there)
    # A run as any other.
    assert load_network(there)[1].name == "plain_cnn"


def test_recipes_that_workers_cannot_share_are_refused() -> None:
    recipe = tiny_recipe()
    taught = TeacherSpec("malaria-cells", features="some.npz")
    for bad, count, said in (
        (recipe, 1, "--replicas is 1; 2 or more"),
        (recipe, 3, "batch_size is 32, which 3 workers do not share"),
        (replace(recipe, teacher=taught), 2, "teacher.features are learnt from those rows"),
        (tiny_recipe(precision="mixed_bfloat16"), 2, "precision is 'mixed_bfloat16'"),
        (
            replace(
                recipe,
                model=replace(recipe.model, name="novelty_cnn"),
                novelty=NoveltySpec("drawn"),
            ),
            2,
            "loss of .novelty., 'drawn', is no mean over the rows",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            check_replicas_of(bad, count)
    check_replicas_of(recipe, 2)


def test_another_number_of_workers_is_refused_once_there_is_an_epoch(tmp_path: Path) -> None:
    check_replicas(tmp_path, 2)
    check_replicas(tmp_path, 4)
    (tmp_path / "log.csv").touch()
    check_replicas(tmp_path, 4)
    with pytest.raises(ConfigError, match="was begun by 4 workers, and 1 would come to other"):
        check_replicas(tmp_path, 1)
    (tmp_path / "replicas.json").unlink()
    with pytest.raises(ConfigError, match="leave --replicas out, or give another --out"):
        check_replicas(tmp_path, 2)


def test_more_workers_than_the_ray_has_cpus_are_refused(tmp_path: Path, clinicscope: Run) -> None:
    pytest.importorskip("ray")
    from train.replicas_ray import RayCrew

    with pytest.raises(ConfigError, match="--replicas 3 with --cpus 2 each need 6 CPUs at once"):
        RayCrew(3, 2, 4)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY_RECIPE)
    code, _, err = clinicscope("train", "fit", str(recipe), "--replicas", "5")
    assert code == 3
    assert "fit.batch_size is 32, which 5 workers do not share evenly" in err
