"""The study of super-resolution: its cells, its pictures, its fits and its tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import even_contrast
from edge.contract.types import U8Array
from tests.support.drawn_task import drawn_task
from train.bootstrap import curve_rows, draw_weights
from train.datasets.base import Example, list_examples
from train.recipe_parts import FitSpec
from train.report.studies import read_study
from train.splits import load_split
from train.superres import leaks
from train.superres.arms import (
    ARMS,
    AS_JPEG,
    BICUBIC,
    COPIES,
    DOUBLED,
    DOWNSAMPLED,
    LEAKING,
    ORIGINAL,
    SUPER,
    Cells,
    Draw,
    Pictures,
    copies_of,
    draw_stratified,
    load_cells,
    parts_of_split,
)
from train.superres.classify import fit_classifier, logits_by
from train.superres.degrade import halve, through_jpeg
from train.superres.fit import fit_enhancer
from train.superres.leaks import fit_leak_enhancers, leak_recipes, leak_schemes
from train.superres.networks import INTERPOLATIONS, enhance_with, load_enhancer
from train.superres.recipe import EnhancerRecipe, EnhancerSpec
from train.superres.study import check_enhancer, planned, run_study
from train.superres.study_figures import Scored, score_view
from train.superres.study_records import (
    FitKey,
    Truth,
    claim,
    read_enhancers,
    read_fit,
    read_settings,
    read_truth,
    record_enhancers,
    write_fit,
    write_truth,
)
from train.superres.study_spec import (
    NATIVE,
    SPLITS,
    Budget,
    StudySpec,
    alike,
    arm_schemes,
)
from train.superres.study_tables import study_tables, write_tables

Run = Callable[..., tuple[int, str, str]]
TINY = Draw(high_px=48, seed=3, fitted=32, copied=60)
ENHANCER = EnhancerRecipe(
    0, 3, EnhancerSpec("espcn", 4), FitSpec(1, 2, 1e-3), steps=2, patch_px=24, high_px=48
)
SPEC = StudySpec(
    TINY,
    replace(StudySpec().fit, batch_size=16),
    {"malaria_cnn": Budget(32, 1, 2), "shufflenet_v2": Budget(16, 1)},
    ("malaria_cnn",),
)
LEAKS_RUN = {"file-per-class", "test-cells-seen", "copies-then-split"}
ARMS_OF = {scheme.name: scheme for scheme in arm_schemes()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("task")) as data:
        (data / "nih-cells-lossless").symlink_to(data / "nih-cells")
        yield data


@pytest.fixture(scope="module")
def enhancer(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "superres-tiny"
    fit_enhancer(ENHANCER, run_dir, data=data)
    return run_dir


@pytest.fixture(scope="module")
def record(data: Path, enhancer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    run_study(
        SPEC, out, arm_schemes(), ["malaria_cnn"], {SUPER: enhancer}, data=data, cache=out / "cache"
    )
    return out


def cells(count: int = 6) -> Cells:
    rng = np.random.default_rng(1)
    return Cells(
        np.array([f"cell{k}" for k in range(count)]),
        np.array([f"P{k // 2}" for k in range(count)]),
        np.arange(count) % 2,
        rng.integers(0, 256, (count, 48, 48, 3), np.uint8),
    )


def halves(image: U8Array) -> U8Array:
    return image.repeat(2, axis=0).repeat(2, axis=1) // 2


def pictures(cache: Path | None = None) -> Pictures:
    return Pictures(cells(), lambda _form: halves, cache, lambda form: form)


def test_a_stratified_draw_has_each_patients_share_and_so_have_its_first() -> None:
    examples = [
        Example(f"{patient}-{label}-{k}", Path("x"), label, patient)
        for patient, sizes in (("A", (60, 20)), ("B", (100, 20)))
        for label, count in enumerate(sizes)
        for k in range(count)
    ]
    drawn = draw_stratified(examples, 100, seed=4)
    assert drawn == draw_stratified(examples, 100, seed=4) != draw_stratified(examples, 100, 5)
    for count in (20, 100):
        tally = [
            sum(e.patient == patient and e.label == label for e in drawn[:count])
            for patient in "AB"
            for label in (0, 1)
        ]
        expected = np.array([60, 20, 100, 20]) * count / 200
        assert np.abs(tally - expected).max() <= 1
    with pytest.raises(DataError, match="201 cells are asked for, the part has 200"):
        draw_stratified(examples, 201, seed=4)


def test_parts_by_patient_and_at_random(data: Path) -> None:
    examples = list_examples("nih-cells", data)
    split = load_split("nih-cells", 0)
    by_patient = parts_of_split("patients", TINY, data)
    assert set(by_patient["test"].patient) == set(split.test)
    assert len(by_patient["train"].name) == 32
    assert set(by_patient["train"].patient) <= set(split.train)
    assert by_patient["train"].original.shape == (32, 48, 48, 3)
    at_random = parts_of_split(LEAKING, TINY, data)
    known = load_split("nih-cells", 0, LEAKING, examples=examples, seed=3)
    assert set(at_random["test"].name) == set(known.test)
    assert set(at_random["train"].name) <= set(known.train)


def test_copies_are_made_before_the_split(data: Path) -> None:
    own = cells(2)
    copies = copies_of(own)
    assert copies.name.tolist() == [f"cell{k}#{n}" for n in range(4) for k in range(2)]
    np.testing.assert_array_equal(copies.original[2:4], own.original[:, ::-1])
    np.testing.assert_array_equal(copies.original[4:6], own.original[:, :, ::-1])
    np.testing.assert_array_equal(copies.original[7], even_contrast(own.original[1]))
    assert copies.label.tolist() == [0, 1] * 4

    def cell_of(part: Cells) -> set[str]:
        return {name.split("#")[0] for name in part.name}

    random = parts_of_split(COPIES + LEAKING, TINY, data)
    assert (len(random["train"].name), len(random["test"].name)) == (168, 24)
    assert cell_of(random["train"]) & cell_of(random["test"])
    by_patient = parts_of_split(COPIES + "patients", TINY, data)
    assert (len(by_patient["train"].name), len(by_patient["test"].name)) == (168, 24)
    assert not set(by_patient["train"].patient) & set(by_patient["test"].patient)


def test_each_form_is_what_its_name_says() -> None:
    made, own = pictures(), cells().original
    low = np.stack([halve(image) for image in own])
    expected = {
        ORIGINAL: own,
        DOWNSAMPLED: low,
        DOUBLED: low.repeat(2, axis=1).repeat(2, axis=2),
        BICUBIC: np.stack([INTERPOLATIONS["bicubic"](image) for image in low]),
        SUPER: np.stack([halves(image) for image in low]),
        AS_JPEG: np.stack([through_jpeg(halves(image), 95) for image in low]),
    }
    for form, images in expected.items():
        np.testing.assert_array_equal(made.shown(alike(form)), images, form)
    both = made.shown((ORIGINAL, BICUBIC))
    np.testing.assert_array_equal(both[::2], own[::2])
    np.testing.assert_array_equal(both[1::2], expected[BICUBIC][1::2])


def test_enlarged_pictures_are_cached_by_network(tmp_path: Path) -> None:
    asked: list[str] = []

    def enlarger(form: str) -> Callable[[U8Array], U8Array]:
        asked.append(form)
        return halves

    first = Pictures(cells(), enlarger, tmp_path, lambda form: form).shown(alike("a"))
    again = Pictures(cells(), enlarger, tmp_path, lambda form: form).shown(alike("a"))
    np.testing.assert_array_equal(first, again)
    assert set(asked) == {"a"}
    count = len(asked)
    Pictures(cells(), enlarger, tmp_path, lambda form: form + "!").shown(alike("a"))
    assert len(asked) > count


@pytest.mark.train()
@pytest.mark.parametrize("network", StudySpec().budgets)
def test_each_network_builds_at_half_the_size(network: str) -> None:
    from edge.contract.preprocess import Preprocessing
    from train.models import build_model
    from train.recipe_parts import ModelSpec

    model = build_model(ModelSpec(network), Preprocessing(24))
    assert model.output_shape["logit"] == (None, 1)


def test_a_classifier_learns_and_is_the_same_for_a_seed() -> None:
    labels = np.arange(64) % 2
    crops = np.full((64, 24, 24, 3), 90, np.uint8)
    crops[labels == 1, 8:16, 8:16] = 200
    fit = FitSpec(3, 16, 3e-3, optimiser="adam", schedule="step", step_epochs=1)
    model, log = fit_classifier("malaria_cnn", crops, labels, fit, 7)
    again, _ = fit_classifier("malaria_cnn", crops, labels, fit, 7)
    np.testing.assert_array_equal(logits_by(model, crops), logits_by(again, crops))
    assert ((logits_by(model, crops) > 0) == labels).all()
    assert [row["learning_rate"] for row in log] == pytest.approx([3e-3, 1.5e-3, 7.5e-4])
    assert log[2]["loss"] < log[0]["loss"]
    with pytest.raises(DataError, match="8 pictures are fewer than one batch of 16"):
        fit_classifier("malaria_cnn", crops[:8], labels[:8], fit, 7)
    with pytest.raises(DataError, match=r"lower fit\.learning_rate"):
        fit_classifier("malaria_cnn", crops, labels, replace(fit, learning_rate=1e30), 7)


def test_every_network_comes_once_before_further_seeds() -> None:
    keys = [key for _, key in planned(SPEC, arm_schemes(), list(SPEC.budgets))]
    assert [(key.network, key.seed) for key in keys[::8]] == [
        ("malaria_cnn", 0), ("shufflenet_v2", 0), ("malaria_cnn", 1),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys) == 24
    assert [key.scheme for key in keys[:4]] == list(ARMS)
    with pytest.raises(ConfigError, match="network is 'vgg'; of the study: malaria_cnn"):
        list(planned(SPEC, arm_schemes(), ["vgg"]))
    with pytest.raises(ConfigError, match="network is 'vgg'"):
        replace(SPEC, leaking=("vgg",))


def test_what_needs_an_enhancer_is_left_out_without_one(data: Path, tmp_path: Path) -> None:
    told: list[str] = []
    spec = replace(SPEC, budgets={"malaria_cnn": Budget(32, 1)})
    arms = [ARMS_OF[DOWNSAMPLED], ARMS_OF[SUPER]]
    run_study(spec, tmp_path, arms, ["malaria_cnn"], {}, data=data, tell=told.append)
    left = [line for line in told if line.startswith("left out: ")]
    assert len(told) == 4
    assert left[0].endswith(
        "malaria_cnn.super-resolved.patients.0.npz needs an enhancer for super-resolved"
    )
    assert read_settings(tmp_path) == spec


def test_a_fit_on_record_is_not_fitted_again(data: Path, enhancer: Path, record: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (record / "fits").glob("malaria*")}
    assert len(before) == 16
    told: list[str] = []
    run_study(
        SPEC, record, arm_schemes(), ["malaria_cnn"], {SUPER: enhancer}, data=data, tell=told.append
    )
    assert told == []
    gone = next(iter(before))
    logits, _ = read_fit(record, FitKey(*gone.stem.rsplit(".", 3)[:3], int(gone.stem[-1])))
    gone.unlink()
    run_study(
        SPEC, record, arm_schemes(), ["malaria_cnn"], {SUPER: enhancer}, data=data, tell=told.append
    )
    assert len(told) == 1
    again, log = read_fit(record, FitKey(*gone.stem.rsplit(".", 3)[:3], int(gone.stem[-1])))
    for view, values in logits.items():
        np.testing.assert_allclose(again[view], values, atol=2e-3)
    assert log.shape == (1, 5)


def test_scores_on_record_are_of_the_cells_on_record(
    data: Path, enhancer: Path, record: Path
) -> None:
    truth = read_truth(record, "patients", "test")
    views, _ = read_fit(record, FitKey("malaria_cnn", ORIGINAL, "patients", 0))
    assert list(views) == list(ARMS)
    assert {len(logit) for logit in views.values()} == {len(truth.name)}
    found = parts_of_split("patients", TINY, data)
    model, _ = fit_classifier(
        "malaria_cnn",
        found["train"].original,
        found["train"].label,
        replace(SPEC.fit, epochs=1),
        TINY.seed,
    )
    enlarge = enhance_with(load_enhancer(enhancer)[1])
    shown = np.stack([enlarge(halve(image)) for image in found["test"].original])
    np.testing.assert_allclose(views[SUPER], logits_by(model, shown), atol=2e-3)


def test_tables_are_remade_from_the_record_alone(
    record: Path, clinicscope: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLINICSCOPE_DATA", raising=False)
    code, out, err = clinicscope("train", "superres", "study", "--tables-only", "--out", record)
    assert code == 0, err
    assert "classification.json: 8 rows" in out
    rows = {row[1:3]: row for row in read_study(record / "classification.json").rows}
    truth = read_truth(record, "patients", "test")
    logits = [
        read_fit(record, FitKey("malaria_cnn", BICUBIC, "patients", seed))[0][BICUBIC]
        for seed in (0, 1)
    ]
    row = rows["patients", BICUBIC]
    right = np.mean([(logit >= 0) == (truth.label > 0) for logit in logits])
    assert row[3:6] == (16, 8, 2)
    assert row[9] == pytest.approx(right, abs=1e-4)
    # Every drawn patient is infected: there is no other to tell it from.
    assert row[12:] == ("", "", "")
    differences = read_study(record / "differences.json")
    assert [row[2] for row in differences.rows] == [ORIGINAL, DOWNSAMPLED, BICUBIC] * 2
    of = {row[1:3]: row for row in differences.rows}["patients", BICUBIC]
    assert of[3] == pytest.approx(rows["patients", SUPER][6] - row[6], abs=2e-4)
    assert of[6] <= of[3] <= of[7]
    enhancers = read_study(record / "enhancers.json").rows
    assert enhancers[0][:4] == (SUPER, "espcn", "train", 2)
    assert not (record / "leaks.json").exists()


def test_a_note_outlives_its_table(record: Path) -> None:
    write_tables(record)
    path = record / "shown.json"
    path.write_text(path.read_text().replace('"note": ""', '"note": "Seen."'))
    assert write_tables(record)["shown"].note == ""
    assert read_study(path).note == "Seen."


def scored(shift: float, seeds: int = 2) -> Scored:
    rng = np.random.default_rng(9)
    truth = Truth(
        np.array([f"c{k}" for k in range(400)]),
        np.array([f"P{k % 20}" for k in range(400)]),
        (np.arange(400) % 20 >= 8) & (rng.random(400) < 0.5),
    )
    noise = rng.normal(0, 1, (2, 400))
    return score_view([noise[k] + shift * truth.label for k in range(seeds)], truth)


def test_figures_are_means_over_seeds_and_differences_are_paired() -> None:
    worse, better = scored(0.5), scored(2.0)
    rng = np.random.default_rng(9)
    label = (np.arange(400) % 20 >= 8) & (rng.random(400) < 0.5)
    noise = rng.normal(0, 1, (2, 400))
    weights, owner = draw_weights(20, 10, 0), np.unique([f"P{k % 20}" for k in range(400)],
                                                        return_inverse=True)[1]  # fmt: skip
    own = [curve_rows(row + 2 * label, label, owner, weights)["auc"][0] for row in noise]
    assert better.figure("AUC").value == pytest.approx(np.mean(own))
    figure, of_fits = better.minus(worse, "AUC")
    assert figure.ci_low > 0
    assert figure.value == pytest.approx(of_fits.mean())
    same, of_fits = better.minus(scored(2.0, seeds=1), "AUC")
    assert (same.value, same.ci_low, same.ci_high, len(of_fits)) == (0, 0, 0, 1)
    assert 0.5 < better.figure("AUC of patients").value <= 1


def test_an_interval_of_100_percent_is_no_point() -> None:
    label = np.arange(100) % 2
    truth = Truth(label.astype(str), np.array([f"P{k // 5}" for k in range(100)]), label)
    figure = score_view([label * 2.0 - 1], truth).figure("accuracy")
    assert figure.value == figure.ci_high == 1
    assert figure.ci_low == pytest.approx(0.025 ** (1 / 100))


def test_scores_that_fit_no_cells_are_refused() -> None:
    truth = Truth(np.array(["a", "b"]), np.array(["P", "Q"]), np.array([1, 1]))
    with pytest.raises(DataError, match="3 cells were scored, 2 are on record"):
        score_view([np.zeros(3)], truth)
    with pytest.raises(DataError, match="all 2 cells are of one class"):
        score_view([np.zeros(2)], truth)


def test_leaking_schemes_show_what_is_left_without_the_label() -> None:
    by_name = {(scheme.name, split): scheme for scheme in leak_schemes() for split in scheme.splits}
    assert len(by_name) == sum(len(scheme.splits) for scheme in leak_schemes())
    forms = {form for scheme in leak_schemes() for form in scheme.enhancers}
    assert forms == {SUPER, *leak_recipes(SPEC)}
    per_class = by_name["enhancer-per-class", "patients"]
    assert per_class.forms == (leaks.OF_UNINFECTED, leaks.OF_PARASITISED)
    assert [view.forms for view in per_class.views.values()] == [
        per_class.forms, alike(leaks.OF_UNINFECTED), alike(leaks.OF_PARASITISED),
    ]  # fmt: skip
    assert by_name["copies-then-split", LEAKING].split(LEAKING) == COPIES + LEAKING
    assert by_name["test-cells-seen", "patients"].forms == alike(leaks.OF_TEST)
    recipes = leak_recipes(SPEC)
    assert "test" in recipes[leaks.OF_TEST].parts
    assert {recipes[form].label for form in (leaks.OF_UNINFECTED, leaks.OF_PARASITISED)} == {0, 1}
    changed = {**vars(recipes[leaks.SMALL]), "seed": recipes[leaks.AGAIN].seed}
    assert vars(recipes[leaks.AGAIN]) == changed


def test_leaks_are_fitted_and_told_of(data: Path, enhancer: Path, tmp_path: Path) -> None:
    spec = replace(SPEC, budgets={"malaria_cnn": Budget(32, 1)})
    recipes = {
        form: replace(recipe, steps=1, fit=replace(recipe.fit, epochs=1, batch_size=2))
        for form, recipe in leak_recipes(spec).items()
        if form in (leaks.OF_TEST, leaks.OF_ALL)
    }
    told: list[str] = []
    settings = {"data": data, "recipes": recipes, "tell": told.append}
    runs = fit_leak_enhancers(spec, tmp_path / "runs", **settings)
    assert fit_leak_enhancers(spec, tmp_path / "runs", **settings) == runs
    assert len(told) == len(recipes)
    schemes = [scheme for scheme in leak_schemes() if scheme.name in LEAKS_RUN]
    run_study(spec, tmp_path, schemes, ["malaria_cnn"], runs | {SUPER: enhancer}, data=data)
    rows = study_tables(tmp_path)["leaks"].rows
    assert {row[0] for row in rows} == LEAKS_RUN
    assert {row[2] for row in rows} == set(SPLITS)
    own = next(row for row in rows if row[3] == leaks.ON_OWN and row[0] == "copies-then-split")
    assert own[4] == 168


def test_an_enhancer_that_has_seen_too_much_is_refused() -> None:
    check_enhancer(ENHANCER, SPEC)
    check_enhancer(replace(ENHANCER, high_px=0), SPEC)
    for changed, why in (
        ({"held_out_fold": 1}, "train of fold 1; fold 0 is tested"),
        ({"parts": ("train", "test")}, "train, test of fold 0"),
        ({"high_px": 64}, "high_px 64 and label -1; the study needs"),
        ({"label": 1}, "high_px 48 and label 1"),
    ):
        with pytest.raises(ConfigError, match=why):
            check_enhancer(replace(ENHANCER, **changed), SPEC)


def test_a_folder_of_another_study_is_refused(record: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a study of other settings"):
        claim(record, StudySpec())
    with pytest.raises(ConfigError, match="holds no study of super-resolution"):
        read_settings(tmp_path)
    with pytest.raises(ConfigError, match="budget is Budget"):
        Budget(cells=0)
    claim(tmp_path, NATIVE)
    assert read_settings(tmp_path) == NATIVE
    settings = tmp_path / "fits" / "settings.json"
    settings.write_text(json.dumps({"draw": 1}))
    with pytest.raises(ConfigError, match="holds no settings of a study"):
        read_settings(tmp_path)


def test_records_that_do_not_belong_are_refused(record: Path, tmp_path: Path) -> None:
    write_truth(tmp_path, "patients", "test", cells())
    write_truth(tmp_path, "patients", "test", cells())
    with pytest.raises(DataError, match="names other cells than --data gives"):
        write_truth(tmp_path, "patients", "test", cells(4))
    key = FitKey("malaria_cnn", ORIGINAL, "patients", 0)
    path = tmp_path / "fits" / key.file
    with pytest.raises(DataError, match="holds nothing of a study"):
        read_fit(tmp_path, key)
    write_fit(tmp_path, key, {"a": np.zeros(3, np.float32)}, [])
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="holds nothing of a study"):
        read_fit(tmp_path, key)
    np.savez(path, other=np.zeros(1))
    with pytest.raises(DataError, match="lacks log"):
        read_fit(tmp_path, key)


def test_another_enhancer_than_the_one_on_record_is_refused(
    data: Path, enhancer: Path, record: Path, tmp_path: Path
) -> None:
    other = tmp_path / "superres-other"
    fit_enhancer(replace(ENHANCER, seed=4), other, data=data)
    with pytest.raises(ConfigError, match="is another network than the one on record"):
        record_enhancers(record, {SUPER: other})
    assert read_enhancers(record)[SUPER].recipe == ENHANCER
    (other / "model.weights.h5").unlink()
    with pytest.raises(ConfigError, match="is not finished"):
        record_enhancers(tmp_path, {SUPER: other})
    (record / "fits" / "enhancers.json").rename(tmp_path / "kept")
    (record / "fits" / "enhancers.json").write_text("[]x")
    with pytest.raises(DataError, match="holds no enhancers of a study"):
        read_enhancers(record)
    (tmp_path / "kept").replace(record / "fits" / "enhancers.json")


def test_the_command_refuses_an_enhancer_of_another_fold(
    enhancer: Path, clinicscope: Run, tmp_path: Path
) -> None:
    code, _, err = clinicscope(
        "train", "superres", "study", enhancer, "--fold", 1, "--out", tmp_path / "out"
    )
    assert code != 0
    assert "fold 1 is tested here" in err
    assert not (tmp_path / "out").exists()


def test_cells_are_brought_to_a_square(data: Path) -> None:
    examples = list_examples("nih-cells", data)[:2]
    found = load_cells(examples, 48)
    assert found.original.shape == (2, 48, 48, 3)
    assert found.name.tolist() == [example.name for example in examples]
