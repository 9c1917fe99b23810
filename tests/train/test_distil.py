"""A student and its teacher: lined up, checked against each other, and mixed into the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError, DataError
from tests.support.drawn_task import drawn_task, sharp_recipe, tiny_recipe
from train.cli import train
from train.datasets.base import Example, list_examples
from train.evaluate import auc
from train.fit import fit
from train.oof import write_oof
from train.recipe import Recipe, load_recipe
from train.recipe_parts import TeacherSpec
from train.scores import read_npz_scores
from train.splits import fold_of
from train.teacher import teacher_features, teacher_logits

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]
LABELS = ("uninfected", "parasitised")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


def arrays(data: Path) -> dict[str, np.ndarray]:
    """A teacher that is right and sure of it."""
    examples, folds = list_examples("nih-cells", data), fold_of("nih-cells")
    logit = np.array([4.0 if example.label else -4.0 for example in examples], np.float32)
    names = np.array([example.name for example in examples])
    fold = np.array([folds[example.patient] for example in examples], np.int8)
    return {"file": names, "logit": logit, "fold": fold}


def taught(path: Path, **given: object) -> Recipe:
    spec = TeacherSpec(str(path), **given)  # type: ignore[arg-type]
    return replace(tiny_recipe(epochs=3, learning_rate=1e-2), teacher=spec)


def logits(recipe: Recipe, examples: list[Example], labels: tuple[str, ...] = LABELS) -> np.ndarray:
    folds = fold_of("nih-cells")
    return teacher_logits(
        recipe, examples, labels, np.array([folds.get(e.patient, -1) for e in examples])
    )


def test_each_example_has_its_own_logit_whatever_the_order(data: Path, tmp_path: Path) -> None:
    found = arrays(data)
    order = np.random.default_rng(0).permutation(len(found["file"]))
    found["logit"] = 100 * found["logit"] + np.arange(len(order), dtype=np.float32)
    write_oof(tmp_path / "t.npz", {name: values[order] for name, values in found.items()})
    examples = list_examples("nih-cells", data)
    by_label = sorted(examples, key=lambda example: (example.label, example.name))
    said = logits(taught(tmp_path / "t.npz"), by_label)
    expected = dict(zip(found["file"].tolist(), found["logit"].tolist(), strict=True))
    assert said[:, 0].tolist() == [expected[example.name] for example in by_label]


def test_student_learns_from_the_teacher_where_labels_say_nothing(
    data: Path, tmp_path: Path
) -> None:
    write_oof(tmp_path / "t.npz", arrays(data))
    spec = TeacherSpec(str(tmp_path / "t.npz"), weight=1.0, temperature=2.0)
    recipe = replace(sharp_recipe(epochs=40, label_smoothing=1.0), teacher=spec)
    fit(recipe, tmp_path / "run", data=data)
    scores = read_npz_scores(tmp_path / "run/held_out.npz")
    assert auc(scores.logit.astype(float), scores.label > 0) > 0.7


def test_silent_teacher_leaves_the_loss_to_the_label() -> None:
    import tensorflow as tf

    from train.distil import with_teacher

    logit, hard = tf.constant([[1.0], [1.0]]), tf.constant([0.25, 0.25])
    teacher = tf.constant([[np.nan], [2.0]])
    mixed = with_teacher(hard, logit, teacher, TeacherSpec("x", weight=0.6, temperature=2.0))
    target = 1 / (1 + np.exp(-1.0))
    soft = -(target * np.log(1 / (1 + np.exp(-0.5))) + (1 - target) * np.log(1 / (1 + np.exp(0.5))))
    np.testing.assert_allclose(mixed.numpy(), [0.25, 0.4 * 0.25 + 0.6 * 4 * soft], rtol=1e-5)


def test_loss_of_several_classes_is_least_where_the_student_agrees() -> None:
    import tensorflow as tf

    from train.distil import with_teacher

    said = tf.constant([[2.0, 0.0, -1.0]])
    spec = TeacherSpec("x", weight=1.0)
    at = [
        float(with_teacher(tf.zeros(1), tf.constant([logit]), said, spec)[0])
        for logit in ([2.0, 0.0, -1.0], [0.0, 2.0, -1.0], [2.0, 1.0, -1.0])
    ]
    assert at[0] < at[2] < at[1]


def test_student_is_drawn_to_the_teachers_features(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(epochs=2)
    fit(recipe, tmp_path / "teacher", data=data)
    out = tmp_path / "features.npz"
    done = CliRunner().invoke(
        train, ["features", str(tmp_path / "teacher"), "--out", str(out), "--data", str(data)]
    )
    assert done.exit_code == 0, done.output
    assert "80 examples" in done.output
    examples = list_examples("nih-cells", data)
    unit = teacher_features(TeacherSpec("x", features=str(out)), examples)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)

    write_oof(tmp_path / "t.npz", arrays(data))
    with_features = taught(tmp_path / "t.npz", features=str(out), features_weight=5.0)
    fit(with_features, tmp_path / "student", data=data)
    fit(taught(tmp_path / "t.npz"), tmp_path / "plain", data=data)
    drawn, plain = (
        read_npz_scores(tmp_path / run / "held_out.npz").logit for run in ("student", "plain")
    )
    assert np.abs(drawn - plain).max() > 1e-3
    # A killed fit goes on with the projection: the checkpoint holds it.
    (tmp_path / "student/held_out.npz").unlink()
    fit(with_features, tmp_path / "student", data=data)


def test_missing_score_is_refused_unless_the_teacher_is_silent_there(
    data: Path, tmp_path: Path
) -> None:
    found = arrays(data)
    fitted = found["fold"] != 0
    first = np.flatnonzero(fitted)[0]
    write_oof(tmp_path / "t.npz", {name: np.delete(a, first) for name, a in found.items()})
    with pytest.raises(DataError, match=r"no score of 1 examples.*silent_on"):
        fit(taught(tmp_path / "t.npz"), tmp_path / "run", data=data)
    examples = list_examples("nih-cells", data)
    foreign = list(examples)
    foreign[first] = replace(examples[first], source="elsewhere")
    said = logits(taught(tmp_path / "t.npz", silent_on=("elsewhere",)), foreign)
    assert np.flatnonzero(np.isnan(said[:, 0])).tolist() == [first]
    with pytest.raises(ConfigError, match="nowhere"):
        logits(taught(tmp_path / "t.npz", silent_on=("nowhere",)), examples)


def test_teacher_of_other_labels_or_folds_is_refused(data: Path, tmp_path: Path) -> None:
    found, path = arrays(data), tmp_path / "t.npz"
    examples = list_examples("nih-cells", data)
    write_oof(path, found | {"logit": -found["logit"]})
    with pytest.raises(DataError, match="worse than a coin"):
        logits(taught(path), examples)
    write_oof(path, found | {"logit": np.zeros((len(examples), 3), np.float32)})
    with pytest.raises(DataError, match=r"logits \(80, 3\)"):
        logits(taught(path), examples)
    write_oof(path, found | {"fold": (found["fold"] + 1) % 5})
    with pytest.raises(DataError, match="other folds"):
        logits(taught(path), examples)


def test_file_that_is_no_teacher_is_refused(data: Path, tmp_path: Path) -> None:
    examples = list_examples("nih-cells", data)
    with pytest.raises(ConfigError, match="malaria-cells"):
        logits(taught(Path("unknown")), examples)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="no file of a teacher"):
        logits(taught(tmp_path / "broken.npz"), examples)
    found = arrays(data)
    write_oof(tmp_path / "short.npz", found | {"logit": found["logit"][1:]})
    with pytest.raises(DataError, match="differ in length"):
        logits(taught(tmp_path / "short.npz"), examples)


@pytest.mark.parametrize(("key", "value"), [("weight", 0.0), ("weight", 1.5), ("temperature", 0.0)])
def test_impossible_settings_are_refused(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{value}"):
        load_recipe("malaria-cells", {"teacher.scores": "malaria-cells", f"teacher.{key}": value})
