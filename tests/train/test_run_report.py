"""The report of runs: what is in it, what it marks, and which records stop it."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest_corrections import Corrections
from tests.support.drawn_dataset import write_dataset
from tests.support.drawn_records import write_fold, write_folds
from train.cli import train
from train.context import write_in_context
from train.corrections import write_run_corrections
from train.datasets.base import list_examples
from train.report.comparison import read_published
from train.report.runs import write_run_report
from train.report.studies import read_study
from train.report.targets import read_targets
from train.runs import find_runs, read_run
from train.scores import Scores, read_npz_scores, write_scores

STUDY = {
    "title": "Another microscope",
    "question": "What helps?",
    "command": "clinicscope train travel RUN",
    "columns": ["run", "adaptation", "views", "AUC away", "from", "to"],
    "rows": [["malaria-cells-teacher", "none", 1, 0.9876, 0.97, 0.99]],
}


@pytest.fixture(autouse=True)
def without_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINICSCOPE_DATA", "")


def report(records: Path, out: Path, **given: object) -> str:
    path = write_run_report([], out, records=records, resamples=20, **given)  # type: ignore[arg-type]
    return unescape(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    records = tmp_path_factory.mktemp("records")
    write_folds(records / "malaria-cells-teacher", model="efficientnet_lite0")
    write_folds(records / "malaria-cells-teacher2", model="resnet18", seed=2)
    write_in_context(
        records / "malaria-cells-teacher", records / "malaria-cells-teacher-in-context"
    )
    write_folds(
        records / "malaria-stages", dataset="iml-stages", task="malaria-stages", n_classes=4
    )
    write_fold(records / "covid", dataset="cxr-covid", task="cxr-covid", n_classes=3)
    write_fold(records / "by-image", split="random-70-20-10", model="resnet18")
    cost = {"parameters": 3_400_000, "macs": 72_000_000, "ms_per_image": 4.21, "machine": "a test"}
    (records / "covid" / "cost.json").write_text(json.dumps(cost))
    old = write_fold(records / "old", model="plain_cnn")
    (old / "held_out.npz").unlink()
    (records / "studies").mkdir()
    (records / "studies" / "travel-teacher.json").write_text(json.dumps(STUDY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINICSCOPE_DATA", "")
        return report(records, records.parent / "report" / "out.html")


def section_of(page: str, run: str) -> str:
    return page.split(f'<h2 id="{run}">')[1].split("<h2", maxsplit=1)[0]


def row_of(page: str, start: str) -> str:
    (found,) = re.findall(rf"<tr><td>{re.escape(start)}.*?</tr>", page)[:1] or [""]
    return found


def test_targets_come_first_with_value_interval_verdict_and_command(page: str) -> None:
    assert page.index("Figures to reach") < page.index("All runs")
    row = row_of(page, "nih-cells teacher alone, out of fold")
    assert "≥ .9945" in row
    assert re.search(r"\.\d{4} to \.\d{4}", row)
    assert re.search(r"met", row)
    command = "clinicscope train evaluate --run train/records/malaria-cells-teacher"
    assert f"<code>{command}</code>" in row
    assert f"<code>{command}-in-context</code>" in row_of(page, "nih-cells teacher in context")
    assert "no record yet" in row_of(page, "cxr-pneumonia, grouped folds")


def test_target_of_a_study_is_read_from_its_row(page: str) -> None:
    row = row_of(page, "new microscope")
    assert ".9876" in row
    assert "met; the interval reaches below" in row
    assert "clinicscope train travel RUN" in row


def test_runs_are_compared_with_cost_and_published_figures(page: str) -> None:
    row = row_of(page, "covid")
    assert "3.40 M" in row
    assert "72.0 M" in row
    assert "4.21" in row
    beside = page[page.index("Beside what was published") :]
    assert "theirs come from the full set of 201 patients" in row_of(
        beside, "malaria-cells-teacher<"
    )
    assert "log only" in row_of(page, "old")


def test_run_in_context_is_marked_wherever_it_is_shown(page: str) -> None:
    mark = "cores read beside the patient's other cells"
    assert mark in row_of(page[page.index("All runs") :], "malaria-cells-teacher-in-context")
    section = section_of(page, "malaria-cells-teacher-in-context")
    assert mark in section
    assert "training solid" not in section
    assert mark not in section_of(page, "malaria-cells-teacher")
    assert "compare the teacher alone" in page
    # It is the teacher's own scores once more: no member of an ensemble.
    assert "-in-context + " not in page
    assert " + malaria-cells-teacher-in-context" not in page


def test_fit_with_fewer_epochs_or_pixels_than_its_recipe_says_so(tmp_path: Path) -> None:
    write_fold(tmp_path / "r" / "regnet-112", model="regnet")
    write_fold(tmp_path / "r" / "mine", model="regnet")
    page = report(tmp_path / "r", tmp_path / "o.html")
    cut = "32 px, 3 epochs; its recipe: 112 px, 10 epochs"
    assert f"regnet, {cut}" in row_of(page[page.index("All runs") :], "regnet-112")
    assert f"({cut})" in row_of(page[page.index("Beside what was published") :], "regnet-112")
    assert cut in section_of(page, "regnet-112")
    assert "its recipe" not in section_of(page, "mine")


def test_fit_that_learned_from_corrections_says_so(tmp_path: Path) -> None:
    fold = write_fold(tmp_path / "r" / "kisumu")
    write_fold(tmp_path / "r" / "home")
    learned = Corrections("classifier", (), {"uninfected": 1200, "parasitised": 34}, {})
    write_run_corrections(fold, learned)
    page = report(tmp_path / "r", tmp_path / "o.html")
    mark = "3 epochs, and 1,234 corrections of devices"
    assert mark in row_of(page[page.index("All runs") :], "kisumu")
    assert mark in section_of(page, "kisumu")
    assert "corrections" not in section_of(page, "home")


def test_class_that_is_too_rare_for_conformal_sets_is_named(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        fold = write_fold(
            tmp_path / "r" / name, dataset="cxr-covid", task="cxr-covid", n_classes=3, seed=seed
        )
        scores = read_npz_scores(fold / "held_out.npz")
        # One person has all of covid, as one collection without names of persons has.
        label = np.where(scores.patient == scores.patient[0], 2, scores.label % 2)
        known = Scores(scores.name, scores.patient, label.astype(np.int8), scores.logit)
        write_scores(fold / "held_out.npz", known)
    page = report(tmp_path / "r", tmp_path / "o.html")
    note = "Left out: 10%, 5%, 2%, 1% (0 calibration examples of class covid"
    assert page.count(note) == 3
    assert "promised error" not in page
    assert "12 examples of 1 patient:" in page


def test_split_by_image_is_marked_wherever_it_is_shown(page: str) -> None:
    assert "leaks patients" in row_of(page, "by-image")
    assert "leaks patients as theirs does" in page
    assert "says nothing about a new patient" in page


def test_three_class_figures_come_with_their_caution(page: str) -> None:
    section = page[page.index('<h2 id="covid">') : page.index('<h2 id="malaria-cells-teacher">')]
    assert "Class and source are confounded" in section
    assert page.count("Class and source are confounded") == 1


def test_members_of_one_data_set_make_an_ensemble(page: str) -> None:
    assert "malaria-cells-teacher + malaria-cells-teacher2" in page
    assert "accuracy, by mutual information" in page


def test_page_needs_nothing_else_and_names_no_file_of_this_machine(
    page: str, tmp_path: Path
) -> None:
    assert not re.search(r"<script|https?:|src=\"(?!data:)", page)
    assert "/tmp/" not in page
    assert page.count("data:image/svg+xml;base64,") > 20


def test_rare_class_is_named(tmp_path: Path) -> None:
    fold = write_fold(tmp_path / "r" / "s", dataset="iml-stages", n_classes=4, n_patients=100)
    path = fold / "held_out.npz"
    scores = read_npz_scores(path)
    rows = np.flatnonzero((scores.label != 2) | (np.cumsum(scores.label == 2) <= 22))
    cut = Scores(*(getattr(scores, k)[rows] for k in ("name", "patient", "label", "logit")))
    write_scores(path, cut)
    page = report(tmp_path / "r", tmp_path / "o.html")
    assert "schizont (22)" in page
    assert "moves recall by 4.5%" in page
    assert "22 examples of" in page
    # 22 are too few to promise one error in a hundred; the table says what was left out.
    assert "Left out:" in page


def test_suspects_and_thumbnails_only_where_the_images_are(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", patients=20, cells=4)
    examples = list_examples("nih-cells", root)
    fold = write_fold(tmp_path / "r" / "run")
    logit = np.where([e.label for e in examples], 2.0, -2.0)
    logit[::9] *= -1
    write_scores(fold / "held_out.npz", Scores.of(examples, logit))
    without = report(tmp_path / "r", tmp_path / "o.html")
    assert "image/jpeg" not in without
    assert "list of suspect labels is not at hand" in without
    lines = "".join(f"{example.path.name}\n" for example in examples[::18])
    (root / "nih-cells" / "suspect_labels.csv").write_text("file\n" + lines)
    page = report(tmp_path / "r", tmp_path / "o.html", data=root)
    assert page.count("image/jpeg") == 12
    assert "without suspects" in page
    assert "(suspect label)" in page


def broken_npz(fold: Path) -> str:
    path = fold / "held_out.npz"
    path.write_bytes(path.read_bytes()[:-200])
    return "held_out.npz holds no scores"


def nan_scores(fold: Path) -> str:
    path = fold / "held_out.npz"
    scores = read_npz_scores(path)
    scores.logit[3] = np.nan
    write_scores(path, scores)
    return r"held_out.npz: 1 scores are not finite.*_cell_3"


def strange_label(fold: Path) -> str:
    path = fold / "held_out.npz"
    scores = read_npz_scores(path)
    scores.label[3] = 4
    write_scores(path, scores)
    return r"held_out.npz: labels \[4\] are outside 0 to 1"


def other_shape(fold: Path) -> str:
    path = fold / "held_out.npz"
    scores = read_npz_scores(path)
    pair = np.stack([scores.logit, scores.logit], axis=1)
    write_scores(path, Scores(scores.name, scores.patient, scores.label, pair))
    return r"held_out.npz: logits are \(96, 2\)"


def no_recipe(fold: Path) -> str:
    (fold / "recipe.json").unlink()
    return "run is no run"


def unknown_key(fold: Path) -> str:
    path = fold / "recipe.json"
    path.write_text(path.read_text().replace('"seed"', '"sede"'))
    return r"recipe.json cannot be used: .*sede"


def no_json(fold: Path) -> str:
    (fold / "split.json").write_text("{")
    return "split.json is no JSON"


def unknown_dataset(fold: Path) -> str:
    path = fold / "recipe.json"
    path.write_text(path.read_text().replace("nih-cells", "nih-cats"))
    return r"recipe.json: data set is 'nih-cats'"


def broken_log(fold: Path) -> str:
    (fold / "log.csv").write_text("epoch,loss\n1,high\n")
    return "log.csv is no log"


def broken_cost(fold: Path) -> str:
    (fold / "cost.json").write_text('{"parameters": "many"}')
    return r"cost.json cannot be used"


def one_class(fold: Path) -> str:
    path = fold / "held_out.npz"
    scores = read_npz_scores(path)
    write_scores(path, Scores(scores.name, scores.patient, scores.label * 0, scores.logit))
    return r"run run: of 96 examples none has label \[1\]"


@pytest.mark.parametrize(
    "breaks",
    [
        broken_npz,
        nan_scores,
        strange_label,
        other_shape,
        no_recipe,
        unknown_key,
        no_json,
        unknown_dataset,
        broken_log,
        broken_cost,
        one_class,
    ],
    ids=lambda breaks: breaks.__name__,
)
def test_broken_record_stops_the_report_and_is_named(tmp_path: Path, breaks: object) -> None:
    records = tmp_path / "records"
    message = breaks(write_fold(records / "run"))  # type: ignore[operator]
    for given in ([], [records / "run"]):
        with pytest.raises(DataError, match=message):
            write_run_report(given, tmp_path / "o.html", records=records, resamples=5)
    assert list(tmp_path.iterdir()) == [records]


def test_two_runs_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    runs = [write_fold(tmp_path / where / "run") for where in "ab"]
    with pytest.raises(ConfigError, match=r"two runs are named \['run'\]"):
        write_run_report(runs, tmp_path / "o.html", records=tmp_path, resamples=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [["a"]]}, "row 1 has 1 cells for 6 columns"),
        ({"rows": [["a", "b", 1, 0.5, 0.4, None]]}, "row 1 holds None"),
        ({"titel": "x"}, "unknown keys"),
        ({"columns": "run"}, "expected a list"),
    ],
)
def test_study_that_is_no_table_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    (tmp_path / "s.json").write_text(json.dumps(STUDY | change))
    with pytest.raises(DataError, match=rf"s\.json.*{message}"):
        read_study(tmp_path / "s.json")


def test_target_that_a_study_does_not_answer_is_an_error(tmp_path: Path) -> None:
    write_fold(tmp_path / "r" / "run")
    (tmp_path / "r" / "studies").mkdir()
    study = STUDY | {"rows": [["another", "none", 1, 0.9, 0.8, 0.95]]}
    (tmp_path / "r" / "studies" / "travel-teacher.json").write_text(json.dumps(study))
    with pytest.raises(ConfigError, match="study travel-teacher has 0 rows"):
        report(tmp_path / "r", tmp_path / "o.html")


def test_shipped_targets_and_published_figures_can_be_read(tmp_path: Path) -> None:
    targets = read_targets()
    assert {"auc", "accuracy", "mcc", "sensitivity_at_97", "macro_f1"} <= {
        target.figure for target in targets
    }
    assert all(row.difference.endswith(".") for row in read_published().row)
    bad = tmp_path / "t.toml"
    bad.write_text('[[target]]\nwhat = "x"\nfigure = "auc"\n')
    with pytest.raises(ConfigError, match="needs either a run or a study"):
        read_targets(bad)


def test_committed_records_are_sound() -> None:
    folder = Path(__file__).parents[2] / "train" / "records"
    names = [path.name for path in find_runs(folder)]
    assert "malaria-cells" in names and not {"studies", "superres"} & set(names)
    for name in names:
        assert read_run(folder / name).name == name


def test_evaluate_prints_every_figure_of_a_run_and_of_the_mean_of_two(tmp_path: Path) -> None:
    first = write_folds(tmp_path / "a")
    second = write_folds(tmp_path / "b", seed=3)
    done = CliRunner().invoke(train, ["evaluate", "--run", str(first), "--json"])
    assert done.exit_code == 0, done.output
    alone = json.loads(done.output)
    assert alone["n_cells"] == 480
    assert {"auc", "pr_auc", "f1", "brier", "ece", "sensitivity_at_99", "patient_auc"} <= set(
        alone["metrics"]
    )
    both = CliRunner().invoke(train, ["evaluate", "--run", str(first), "--run", str(second)])
    assert "a + b, 5 fold(s) held out, 480 cells, 40 patients, raw labels" in both.output


def test_evaluate_needs_one_source_and_a_threshold_for_scores(tmp_path: Path) -> None:
    run = write_fold(tmp_path / "run")
    scores = tmp_path / "s.csv"
    scores.write_text("path,score,refused\n")
    for arguments in ([], ["--scores", str(scores), "--run", str(run)], ["--scores", str(scores)]):
        assert CliRunner().invoke(train, ["evaluate", *arguments]).exit_code == 2


def test_score_that_equals_the_threshold_is_called(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", patients=200, cells=1)
    scores = tmp_path / "s.csv"
    # 0.703775 is where a detour over logits would lose the last bit.
    rows = [
        f"{example.path},{0.703775 if example.label else 0.2},\n"
        for example in list_examples("nih-cells", root)
    ]
    scores.write_text("path,score,refused\n" + "".join(rows))
    arguments = ["--scores", str(scores), "--threshold", "0.703775", "--data", str(root)]
    done = CliRunner().invoke(train, ["evaluate", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    metrics = json.loads(done.output)["metrics"]
    assert metrics["sensitivity_cell"]["value"] == metrics["specificity_cell"]["value"] == 1.0
    refused = CliRunner().invoke(train, ["evaluate", *arguments, "--without-suspects"])
    assert isinstance(refused.exception, ConfigError)
    assert "no list of suspect labels" in str(refused.exception)
