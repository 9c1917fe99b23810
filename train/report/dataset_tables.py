"""What a data set holds, as tables and plots: classes, patients, sources, sizes, folds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from train.datasets.base import Example
from train.report.plots import SHADES, plot
from train.report.survey import Survey
from train.report.table import Table
from train.splits import load_split, n_folds_of

_LARGEST_GROUPS = 12
# Apart even where small and crowded.
_MARKERS = ("o", "+", "^", "x", "s", "*")


def class_counts(examples: Sequence[Example], labels: Sequence[str]) -> Table:
    """Images and patients of each class."""
    rows = []
    for index, label in enumerate(labels):
        of_class = [example for example in examples if example.label == index]
        groups = Counter(example.patient for example in of_class)
        sizes = np.array(list(groups.values()) or [0])
        rows.append(
            (
                label,
                f"{len(of_class):,}",
                f"{100 * len(of_class) / len(examples):.1f} %",
                f"{len(groups):,}",
                f"{sizes.min()} / {np.median(sizes):.0f} / {sizes.max()}",
            )
        )
    columns = ("class", "images", "share", "patients or groups", "images each: least, median, most")
    return Table(columns, tuple(rows), (1, 2, 3, 4))


def source_counts(examples: Sequence[Example], labels: Sequence[str]) -> Table:
    """Images by collection and class; no rows where there is one collection."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for example in examples:
        found[example.source][example.label] += 1
    if len(found) < 2:
        return Table((), ())
    rows = [
        (source, *(f"{counts[label]:,}" for label in range(len(labels))))
        for source, counts in sorted(found.items())
    ]
    alone = [labels[n] for n in range(len(labels)) if sum(c[n] > 0 for c in found.values()) == 1]
    only = [source for source, counts in found.items() if len(counts) == 1]
    note = ""
    if only:
        note = (
            f"Confounded: {', '.join(sorted(only))} hold one class alone, so a network can tell "
            "the class by the collection (rim, markers, contrast). A figure over all of them is "
            "better than it would be in one hospital."
        )
    elif alone:
        note = f"{', '.join(alone)} come from one collection alone."
    return Table(("collection", *labels), tuple(rows), tuple(range(1, len(labels) + 1)), note)


def largest_groups(examples: Sequence[Example], labels: Sequence[str]) -> Table:
    """The patients with most images, and what they are."""
    tally: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(labels), int))
    for example in examples:
        tally[example.patient][example.label] += 1
    order = sorted(tally, key=lambda patient: (-tally[patient].sum(), patient))
    rows = [
        (patient, f"{tally[patient].sum():,}", *(f"{count:,}" for count in tally[patient]))
        for patient in order[:_LARGEST_GROUPS]
    ]
    single = sum(int((counts > 0).sum() == 1) for counts in tally.values())
    note = f"{len(tally):,} patients or groups; {single:,} of them have one class alone." + (
        f" The {_LARGEST_GROUPS} largest are shown." if len(tally) > _LARGEST_GROUPS else ""
    )
    numeric = tuple(range(1, len(labels) + 2))
    return Table(("patient or group", "images", *labels), tuple(rows), numeric, note)


def fold_counts(dataset: str, examples: Sequence[Example], labels: Sequence[str]) -> Table:
    """Images of each class in the parts of every committed fold; no rows without folds."""
    rows = []
    for number in range(n_folds_of(dataset)):
        split = load_split(dataset, number)
        for part in ("train", "validation", "test"):
            of_part = split.part_of(examples, part)
            counts = np.bincount([example.label for example in of_part], minlength=len(labels))
            groups = len({example.patient for example in of_part})
            rows.append((str(number), part, f"{groups:,}", *(f"{count:,}" for count in counts)))
    columns = ("fold", "part", "patients or groups", *labels)
    return Table(columns, tuple(rows), tuple(range(2, len(columns))))


def class_plot(examples: Sequence[Example], labels: Sequence[str]) -> str:
    """Images of each class."""
    counts = np.bincount([example.label for example in examples], minlength=len(labels))
    with plot("images", "", height_in=0.9 + 0.45 * len(labels)) as drawn:
        drawn.axes.barh(range(len(labels)), counts, color="#999999", edgecolor="k", height=0.6)
        drawn.axes.set_yticks(range(len(labels)), labels)
        drawn.axes.invert_yaxis()
        drawn.axes.bar_label(drawn.axes.containers[0], [f" {count:,}" for count in counts])
        drawn.axes.margins(x=0.2)
    return drawn.uri


def patient_plot(examples: Sequence[Example]) -> str:
    """How many patients have so many images."""
    sizes = np.array(list(Counter(example.patient for example in examples).values()))
    with plot("images of one patient or group", "patients or groups") as drawn:
        bins = np.linspace(sizes.min(), sizes.max() + 1, min(30, sizes.max() - sizes.min() + 1) + 1)
        drawn.axes.hist(sizes, bins, color="#999999", edgecolor="k", linewidth=0.6)
        if sizes.max() > 20 * np.median(sizes):
            drawn.axes.set_yscale("log")
    return drawn.uri


def size_plot(seen: Survey, labels: Sequence[str]) -> str:
    """Width against height, a marker a class, some hundreds of points; "" where all are alike."""
    if len(np.unique(seen.size_px, axis=0)) == 1:
        return ""
    label_of = np.array([example.label for example in seen.examples])
    rng = np.random.default_rng(0)
    with plot("width, px", "height, px", width_in=5.4) as drawn:
        for index, label in enumerate(labels):
            rows = np.flatnonzero(label_of == index)
            if not len(rows):
                continue
            rows = rng.permutation(rows)[:300]
            drawn.axes.plot(
                *seen.size_px[rows].T,
                _MARKERS[index % len(_MARKERS)],
                color=SHADES[index % len(SHADES)],
                mfc="none",
                markersize=4,
                markeredgewidth=0.6,
                label=label,
            )
        drawn.axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return drawn.uri


def size_table(seen: Survey, labels: Sequence[str]) -> Table:
    """Least, median and greatest width and height of each class."""
    label_of = np.array([example.label for example in seen.examples])
    rows = []
    for index, label in enumerate(labels):
        size = seen.size_px[label_of == index]
        if len(size):
            low, middle, high = size.min(axis=0), np.median(size, axis=0), size.max(axis=0)
            rows.append(
                (
                    label,
                    *(f"{a} / {b:.0f} / {c}" for a, b, c in zip(low, middle, high, strict=True)),
                )
            )
    columns = ("class", "width, px: least, median, most", "height, px: least, median, most")
    return Table(columns, tuple(rows), (1, 2))
