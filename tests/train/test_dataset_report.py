"""The report of a data set: what it must find in drawn data, and what it must not fail on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import DataError
from edge.contract.images import encode_image
from tests.support.dataset_layouts import write_cxr, write_iml
from tests.support.drawn_dataset import write_dataset
from train.datasets.base import Example, list_examples
from train.oof import write_oof
from train.report import label_errors
from train.report.dataset import agreement, write_dataset_report
from train.report.dataset_tables import class_counts, largest_groups, source_counts
from train.report.duplicates import find_duplicates
from train.report.label_errors import find_label_errors
from train.report.survey import Survey, survey
from train.scores import Scores, write_scores
from train.splits import load_split

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"), 12, 6)


def files(root: Path, label: str) -> list[Path]:
    return sorted((root / "nih-cells" / label).iterdir())


def page_of(text: str) -> str:
    """The text without tags and pictures, spaces made one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_report_is_one_file_that_names_counts_and_pictures(
    drawn: Path, tmp_path: Path, clinicscope: Run
) -> None:
    out = tmp_path / "new/report.html"
    code, said, err = clinicscope("train", "report", "nih-cells", "--data", drawn, "--out", out)
    assert code == 0, err
    assert said == f"report: {out}\n"
    html = out.read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:)", html)
    assert "<script" not in html
    text = page_of(html)
    assert "144 images of 12 patients or groups" in text
    assert "parasitised 72 50.0 % 12 6 / 6 / 6" in text
    assert "Unreadable images None." in text
    assert "144 images by boosted trees" in text
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_report_shows_unreadable_files_and_copies_and_goes_on(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 12, 6)
    healthy, sick = files(root, "uninfected"), files(root, "parasitised")
    healthy[5].write_bytes(healthy[5].read_bytes()[:80])
    sick[3].write_bytes(healthy[0].read_bytes())
    text = page_of(write_dataset_report("nih-cells", tmp_path / "out.html", root).read_text())
    assert "1 files cannot be read" in text
    assert f"{healthy[5].name} : png image is truncated" in text
    assert "contradicts: two classes; pixel for pixel" in text
    assert "in two classes 1 " in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("empty", "no image labelled 'uninfected'"),
        ("unreadable", "none of 24 images can be read"),
        ("nameless", r"file name 'cell.png' has no patient id"),
    ],
)
def test_what_cannot_be_reported_is_an_error_and_leaves_no_file(
    spoil: str, message: str, tmp_path: Path
) -> None:
    root = write_dataset(tmp_path, 4, 3)
    for path in files(root, "uninfected"):
        if spoil == "empty":
            path.unlink()
    for path in root.rglob("*.png"):
        if spoil == "unreadable":
            path.write_bytes(b"no image")
    if spoil == "nameless":
        files(root, "parasitised")[0].rename(root / "nih-cells/parasitised/cell.png")
    with pytest.raises(DataError, match=message):
        write_dataset_report("nih-cells", tmp_path / "out.html", root)
    assert not (tmp_path / "out.html").exists()


def test_label_outside_the_list_names_the_cell(tmp_path: Path) -> None:
    root = write_iml(tmp_path)
    path = root / "iml-fields/cells.json"
    path.write_text(path.read_text().replace('"schizont"', '"merozoite"', 1))
    with pytest.raises(DataError, match="is labelled 'merozoite'; known: difficult, gametocyte"):
        write_dataset_report("iml-stages", tmp_path / "out.html", root)


def test_boxes_and_grey_x_rays_are_reported_too(tmp_path: Path) -> None:
    text = page_of(
        write_dataset_report("iml-stages", tmp_path / "a.html", write_iml(tmp_path)).read_text()
    )
    assert "30 images of 10 patients or groups" in text
    text = page_of(
        write_dataset_report("cxr-covid", tmp_path / "b.html", write_cxr(tmp_path)).read_text()
    )
    assert "Confounded: cxnet, hannover hold one class alone" in text
    assert "children 12 24 0" in text


def test_unknown_target_lists_the_data_sets(clinicscope: Run, tmp_path: Path) -> None:
    code, _, err = clinicscope("train", "report", tmp_path / "moon")
    assert code == 3
    assert "neither a run folder nor a data set; data sets (one alone): bbbc041, bccd-cells" in err


def near_copies(folder: Path, source: Path) -> dict[str, Path]:
    """Files that show what `source` shows, changed a little."""
    image = cv2.imread(str(source))
    assert min(image.shape[:2]) > 100, "as large as real cells: JPEG blurs smaller ones away"
    small = cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    brighter = np.where(image > 0, np.clip(image.astype(int) + 4, 0, 255), 0).astype(np.uint8)
    found = {}
    for name, content, flags in (
        ("jpeg", image, [cv2.IMWRITE_JPEG_QUALITY, 50]),
        ("small", small, []),
        ("brighter", brighter, []),
    ):
        found[name] = folder / f"C99P99ThinF_IMG_{name}.{'jpg' if flags else 'png'}"
        cv2.imwrite(str(found[name]), content, flags)
    return found


def test_copies_are_found_though_saved_anew_and_others_are_not(tmp_path: Path) -> None:
    examples = []
    for number in range(12):
        image, mask = draw_cell("uninfected", number, 130)
        path = tmp_path / f"C{number}P1ThinF_IMG.png"
        path.write_bytes(encode_image(image * mask[:, :, None]))
        examples.append(Example(path.stem, path, 0, f"C{number}"))
    assert find_duplicates(survey(examples)) == []
    source = examples[0].path
    for path in near_copies(tmp_path, source).values():
        copied = Example(path.stem, path, 0, "C99")
        (pair,) = find_duplicates(survey([*examples, copied]))
        assert not pair.exact
        assert pair.across_patients
        assert not pair.across_classes
    exact = Example("copy", source, 1, "C0")
    (pair,) = find_duplicates(survey([*examples, exact]))
    assert (pair.exact, pair.across_classes, pair.harm) == (True, True, 2)


def test_harmful_copies_come_first(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 3, 2)
    examples = list_examples("nih-cells", root)
    path = files(root, "uninfected")[0]
    copies = [
        Example("a-same", path, 0, "C1"),
        Example("b-other-patient", path, 0, "C9"),
        Example("c-other-class", path, 1, "C1"),
    ]
    harm = [pair.harm for pair in find_duplicates(survey([*examples, *copies]))]
    assert harm == sorted(harm, reverse=True)
    assert set(harm) == {0, 1, 2}


def test_two_thousand_images_take_no_time_and_keep_the_planted_copy() -> None:
    rng = np.random.default_rng(1)
    seen = survey_of(rng.integers(0, 255, (2000, 32, 32), np.uint8), rng.random((2000, 256)) > 0.5)
    seen.dhash[1999], seen.grey[1999] = seen.dhash[3], seen.grey[3]
    (pair,) = find_duplicates(seen)
    assert (pair.first, pair.second, pair.bits) == (3, 1999, 0)


def survey_of(grey: np.ndarray, dhash: np.ndarray) -> Survey:
    n = len(grey)
    examples = [Example(f"{row:05}", Path(), 0, f"p{row}") for row in range(n)]
    hashes = np.array([bytes([row % 256, row // 256]) for row in range(n)])
    empty = np.zeros((n, 1), np.float32)
    return Survey(examples, np.ones((n, 2), int), hashes, grey, dhash, empty, empty, [])


def test_swapped_labels_are_found_by_cross_validation(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 20, 8)
    examples = list_examples("nih-cells", root)
    swapped = {examples[row].name for row in range(0, len(examples), 40)}
    wrong = [
        Example(e.name, e.path, 1 - e.label if e.name in swapped else e.label, e.patient)
        for e in examples
    ]
    seen = survey(wrong)
    found = find_label_errors("nih-cells", seen, 2)
    assert found is not None
    flagged = {seen.examples[row].name for row in found.rows}
    precision, recall = agreement(sorted(flagged), frozenset(swapped))
    assert recall >= 0.8
    assert precision >= 0.6
    assert "cross-validated here in 5 folds by patient" in found.judge


def test_committed_scores_are_taken_where_they_cover_the_data_set(
    drawn: Path, tmp_path: Path
) -> None:
    examples = list_examples("nih-cells", drawn)
    seen = survey(examples)
    wrong = seen.examples[7]
    logit = np.array([8.0 * (e.label if e is not wrong else 1 - e.label) - 4 for e in examples])
    record = tmp_path / "records/drawn"
    write_record(record, examples, logit.astype(np.float32))
    found = find_label_errors("nih-cells", seen, 2, records=tmp_path / "records")
    assert found is not None
    assert found.judge == "the committed fit drawn, out of fold"
    assert [seen.examples[row].name for row in found.rows] == [wrong.name]
    assert found.quality[7] == found.quality.min()


def test_teacher_of_other_cells_is_no_judge(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = list_examples("nih-cells", drawn)
    seen = survey(examples)
    logit = np.array([4.0 if example.label else -4.0 for example in examples], np.float32)
    path = tmp_path / "teacher.npz"
    monkeypatch.setitem(label_errors.OOF_FILES, "nih-cells", path)
    names = np.array([example.name for example in examples])
    write_oof(path, {"file": names, "logit": logit, "fold": logit * 0})
    found = find_label_errors("nih-cells", seen, 2)
    assert found is not None
    assert (found.judge, found.accuracy) == ("the committed teacher (teacher.npz)", 1.0)
    names = np.array([f"other{row}" for row in range(len(names))])
    write_oof(path, {"file": names, "logit": logit, "fold": logit * 0})
    found = find_label_errors("nih-cells", seen, 2)
    assert found is not None
    assert "cross-validated here" in found.judge


def write_record(folder: Path, examples: list[Example], logit: np.ndarray) -> None:
    from edge.contract.records import to_plain
    from train.log import LOG_COLUMNS
    from train.recipe import load_recipe

    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps(to_plain(load_recipe("malaria-cells-nih"))))
    (folder / "split.json").write_text(json.dumps(to_plain(load_split("nih-cells", 0))))
    zeros = ",".join("0" for _ in LOG_COLUMNS[1:])
    (folder / "log.csv").write_text(",".join(LOG_COLUMNS) + f"\n1,{zeros}\n")
    write_scores(folder / "held_out.npz", Scores.of(examples, logit))


def test_few_groups_are_not_judged(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 1, 4)
    assert find_label_errors("nih-cells", survey(list_examples("nih-cells", root)), 2) is None
    text = page_of(write_dataset_report("nih-cells", tmp_path / "out.html", root).read_text())
    assert "Not judged: no committed fit covers this data set" in text


def test_agreement_is_precision_and_recall() -> None:
    assert agreement(["a", "b", "c", "d"], frozenset({"a", "x"})) == (0.25, 0.5)
    assert agreement([], frozenset()) == (0.0, 0.0)


def test_suspect_list_is_compared(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, 10, 6)
    names = [path.name for path in files(root, "uninfected")[:3]]
    (root / "nih-cells/suspect_labels.csv").write_text("file\n" + "\n".join(names) + "\n")
    text = page_of(write_dataset_report("nih-cells", tmp_path / "out.html", root).read_text())
    assert "Beside the list of suspect labels" in text
    assert "The list names 3 cells" in text


def test_tables_count_classes_groups_and_sources() -> None:
    examples = [
        Example(f"{n}", Path(), n % 2, f"p{n // 4}", source="ab"[n // 6]) for n in range(12)
    ]
    assert class_counts(examples, ("no", "yes")).rows[0] == ("no", "6", "50.0 %", "3", "2 / 2 / 2")
    assert largest_groups(examples, ("no", "yes")).rows[0] == ("p0", "4", "2", "2")
    table = source_counts(examples, ("no", "yes"))
    assert table.rows == (("a", "3", "3"), ("b", "3", "3"))
    assert table.note == ""
    assert source_counts(examples[:4], ("no", "yes")).rows == ()


@pytest.mark.data
def test_real_x_rays_have_their_known_copies(real_data: Path) -> None:
    seen = survey(list_examples("cxr-pneumonia", real_data))
    pairs = find_duplicates(seen)
    assert not seen.faults
    assert sum(pair.exact for pair in pairs) == 9
    assert {pair.harm for pair in pairs} == {0}
