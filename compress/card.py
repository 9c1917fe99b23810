"""The model card: what a manifest says, for a person."""

from __future__ import annotations

from collections.abc import Mapping

from compress.bundle_text import text_of
from compress.parity import FIRST_RUNTIME, LEGACY_RUNTIME
from compress.variants import VARIANTS
from edge.contract.manifest import Evaluation, Manifest, OperatingPoint, Weights


def render_card(manifest: Manifest, variants: Mapping[str, str]) -> str:
    """MODEL_CARD.md of a bundle.

    Args:
        variants: key of VARIANTS by weights file.

    Raises:
        ConfigError: nothing is written about the task.
    """
    examples = text_of(manifest.task).examples
    lines = [
        f"# {manifest.bundle_id}",
        "",
        manifest.intended_use,
        "",
        "## Limits",
        *(f"- {limitation}" for limitation in manifest.limitations),
        "",
        *_network(manifest, variants),
        *_operating_points(manifest, examples),
        *_novelty(manifest),
        *_finder(manifest),
        *_corrections(manifest),
        "## Evaluation (the model that ships, 95 % intervals by bootstrap over patients)",
    ]
    for entry in manifest.evaluation:
        lines += evaluation_lines(entry, examples)
    return "\n".join(lines + _parity(manifest, examples) + representative_lines(manifest, examples))


def _network(manifest: Manifest, variants: Mapping[str, str]) -> list[str]:
    return [
        "## Network",
        *(_file(weights, VARIANTS[variants[weights.file]]) for weights in manifest.weights),
        f"- input: {_input(manifest)}",
        f"- labels: {', '.join(manifest.labels)}",
        f"- score: {manifest.score_meaning}",
        "",
    ]


def _file(weights: Weights, variant: str) -> str:
    return f"- {weights.role}: {weights.file}, {weights.bytes:,} bytes, {variant}"


def _input(manifest: Manifest) -> str:
    spec = manifest.preprocessing
    words = [f"{spec.size_px} px uint8 {spec.channel_order}"]
    if spec.mask == "black":
        words.append("what is outside the cell black")
    if spec.trim:
        words.append(f"{spec.trim:.0%} of each side cut off")
    if spec.contrast != "none":
        words.append(f"contrast: {spec.contrast}")
    return ", ".join(words)


def _operating_points(manifest: Manifest, examples: str) -> list[str]:
    single, field = manifest.operating_point, manifest.field_operating_point
    if single is None:
        return ["The likeliest label is called; there is no threshold.", ""]
    lines = ["## Operating points (chosen on the model that ships)"]
    lines.append(_operating_point(f"single {examples}", single, examples))
    if field:
        lines.append(_operating_point("cells of a field", field, examples))
    return [*lines, ""]


def _operating_point(use: str, point: OperatingPoint, examples: str) -> str:
    se, sp = point.sensitivity_cell, point.specificity_cell
    return (
        f"- {use}: threshold {point.threshold}, {point.rule}; on {point.chosen_on}, as a new "
        f"patient meets it: sensitivity {se.rate:.3f} ({se.n_cells:,} {examples}, {se.n_patients} "
        f"patients, worth {se.n_effective:.0f} independent ones), specificity {sp.rate:.4f} ("
        f"{sp.n_cells:,} {examples}, {sp.n_patients} patients, worth {sp.n_effective:.0f})"
    )


def _novelty(manifest: Manifest) -> list[str]:
    """How the second network is read, and how often that is wrong."""
    settings = manifest.novelty
    if settings is None:
        return []
    alarm, refusal, parity = settings.false_alarm, settings.false_refusal, settings.parity
    lines = [
        "## Novelty network (learned from healthy cells alone)",
        f"- novelty score at or above {manifest.novelty_threshold}: something is in the cell that "
        f"healthy cells have not; of healthy cells {alarm.rate:.2%} ({alarm.n_cells:,} cells, "
        f"{alarm.n_patients} patients or fields)",
        f"- foreign score at or above {settings.foreign_threshold}: no red cell, refused; of red "
        f"cells {refusal.rate:.2%} ({refusal.n_cells:,} cells)",
        f"- a field of whose objects more than {settings.most_foreign_share:.0%} are foreign is no "
        "blood smear",
        f"- chosen on {settings.chosen_on}: {settings.rule}",
        f"- against its float parent on {parity.n_cells:,} cells: AUC {parity.auc_int8:.4f} "
        f"against {parity.auc_float:.4f}, calls agree {parity.calls_agree_fraction:.2%}",
    ]
    if settings.field_median is not None:
        lines.append(
            f"- logits of a field are shifted so that its median is {settings.field_median:.2f}"
        )
    return [*lines, ""]


def _finder(manifest: Manifest) -> list[str]:
    """What finds the cells, and how much of that INT8 changes."""
    finder = manifest.finder
    if finder is None:
        return []
    parity, grid = finder.parity, finder.grid
    return [
        "## Finder (where the cells of a field are)",
        f"- fitted on {finder.fitted_on}; a field is shown with red cells {grid.cell_px} px wide",
        f"- on {parity.n_fields} held-out fields with {parity.n_cells:,} cells: recall "
        f"{parity.recall_int8:.4f}, float {parity.recall_float:.4f}; precision "
        f"{parity.precision_int8:.4f}, float {parity.precision_float:.4f}; what carries no label "
        "counts as false there, though much of it is overlapping cells",
        *(
            f"- {run.runtime}, {run.format}: {run.cells_agree_fraction:.2%} of the float parent's "
            "cells"
            for run in parity.runtimes
        ),
        "",
    ]


def _corrections(manifest: Manifest) -> list[str]:
    """What reviewers taught the networks, in counts."""
    if not manifest.corrections:
        return []
    return [
        "## Corrections (cells that reviewers judged on devices, beside the data set)",
        *(f"- {line}" for one in manifest.corrections for line in one.told()),
        "- such cells are those that a network had suspected, rightly or wrongly; none is in the "
        "figures below, and at these sites the network is no longer new",
        "",
    ]


def evaluation_lines(entry: Evaluation, examples: str) -> list[str]:
    """One set of figures as a table, `examples` being what its inputs are called."""
    head = (
        f"{entry.dataset}, {entry.role}, {entry.labels} labels: {entry.n_cells:,} {examples} of "
        f"{entry.n_patients} patients"
    )
    rows = [
        f"| {name} | {metric.value:.4f} | {metric.ci_low:.4f} to {metric.ci_high:.4f} |"
        for name, metric in entry.metrics.items()
    ]
    return [
        head,
        "",
        "| figure | value | interval |",
        "|---|---|---|",
        *rows,
        "",
        f"`{entry.command}`",
        "",
    ]


def _parity(manifest: Manifest, examples: str) -> list[str]:
    parity = manifest.parity
    measured = [run.runtime for run in parity.runtimes]
    auc = "AUC" if len(manifest.labels) == 2 else "AUC (mean over labels, each against the rest)"
    lines = [
        f"## Against the float network that it was made of, the same {parity.n_cells:,} {examples}",
        f"{auc} {parity.auc_int8:.4f} against {parity.auc_float:.4f}, accuracy "
        f"{parity.accuracy_int8:.4f} against {parity.accuracy_float:.4f} on the runtime that loses "
        f"most, {measured[0]}.",
        "",
        "| runtime | weights | calls that agree | largest difference of a logit |",
        "|---|---|---|---|",
        *(
            f"| {run.runtime} | {run.format} | {run.calls_agree_fraction:.2%} | "
            f"{run.logit_max_abs_difference:.3f} |"
            for run in parity.runtimes
        ),
    ]
    if LEGACY_RUNTIME not in measured and FIRST_RUNTIME["tflite"] in measured:
        lines.append(f"| {LEGACY_RUNTIME} | tflite | not measured | not measured |")
    return [*lines, ""]


def representative_lines(manifest: Manifest, examples: str) -> list[str]:
    """What the ranges of the quantisation come from."""
    counts = manifest.representative_set.count_per_class
    return [
        f"Ranges of the quantisation come from {sum(counts.values()):,} {examples} of training "
        f"patients: {', '.join(f'{count} {label}' for label, count in counts.items())}.",
        "",
    ]
