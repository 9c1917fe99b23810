"""The model card: what a manifest says, for a person."""

from __future__ import annotations

from edge.contract.manifest import Evaluation, Manifest, OperatingPoint


def render_card(manifest: Manifest) -> str:
    """MODEL_CARD.md of a bundle."""
    parity = manifest.parity
    lines = [
        f"# {manifest.bundle_id}",
        "",
        manifest.intended_use,
        "",
        "## Limits",
        *(f"- {limitation}" for limitation in manifest.limitations),
        "",
        "## Network",
        *(
            f"- {weights.role}: {weights.file}, {weights.bytes:,} bytes, full INT8, per-channel "
            f"weights, input {manifest.preprocessing.size_px} px uint8 RGB, background black"
            for weights in manifest.weights
        ),
        f"- score: {manifest.score_meaning}",
        "",
        "## Operating points (chosen on the INT8 model)",
        _operating_point("single crops", manifest.operating_point),
        _operating_point("cells of a field", manifest.field_operating_point),
        "",
        "## Evaluation (INT8, patients held out, 95 % intervals by bootstrap over patients)",
    ]
    for entry in manifest.evaluation:
        lines += _evaluation(entry)
    lines += [
        "",
        "## INT8 against float, the same cells",
        f"AUC {parity.auc_int8:.4f} against {parity.auc_float:.4f}, accuracy "
        f"{parity.accuracy_int8:.4f} against {parity.accuracy_float:.4f}; "
        f"{parity.calls_agree_fraction:.2%} of {parity.n_cells:,} calls agree.",
        "",
    ]
    return "\n".join(lines)


def _operating_point(use: str, point: OperatingPoint) -> str:
    se, sp = point.sensitivity_cell, point.specificity_cell
    return (
        f"- {use}: threshold {point.threshold}, {point.rule}; on {point.chosen_on}: sensitivity "
        f"{se.rate:.3f} ({se.n_cells:,} cells, {se.n_patients} patients, worth "
        f"{se.n_effective:.0f} independent ones), specificity {sp.rate:.4f} ({sp.n_cells:,} cells, "
        f"{sp.n_patients} patients, worth {sp.n_effective:.0f})"
    )


def _evaluation(entry: Evaluation) -> list[str]:
    head = (
        f"{entry.dataset}, {entry.role}, {entry.labels} labels: {entry.n_cells:,} cells of "
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
    ]
