"""The model card of an enhancer: what a manifest says, for a person."""

from __future__ import annotations

from compress.bundle_text import text_of
from compress.card import evaluation_lines, representative_lines
from compress.parity import LEGACY_RUNTIME
from compress.superres.parity import MAX_LOSS_DB
from compress.superres.record import CompressedEnhancer
from edge.contract.manifest import Enhancer, Manifest


def render_enhancer_card(manifest: Manifest, record: CompressedEnhancer) -> str:
    """MODEL_CARD.md of the bundle. Raises ConfigError where nothing is written about the task."""
    examples = text_of(manifest.task).examples
    lines = [
        f"# {manifest.bundle_id}",
        "",
        manifest.intended_use,
        "",
        "## Limits",
        *(f"- {limitation}" for limitation in manifest.limitations),
        "",
        *_network(record),
        "## Evaluation (the model that ships, 95 % intervals by bootstrap over patients)",
        "PSNR and SSIM on RGB; the gain is over OpenCV's bicubic, image by image.",
        "",
    ]
    for entry in manifest.evaluation:
        lines += evaluation_lines(entry, examples)
    return "\n".join([*lines, *_parity(record), *representative_lines(manifest, "cells")])


def _network(record: CompressedEnhancer) -> list[str]:
    section, spec = record.enhancer, record.recipe.model
    trained = ", trained on with fake quantisation" if record.aware else ""
    return [
        "## Network",
        f"- {spec.name}{trained}",
        *(
            f"- {weights.role}: {weights.file}, {weights.bytes:,} bytes, full INT8, bytes in and "
            "out"
            for weights in record.weights
        ),
        f"- {_tiles(section)}",
        "",
    ]


def _tiles(section: Enhancer) -> str:
    side = section.tile_px
    return (
        f"input: squares of {side} px uint8 RGB, output: {section.factor * side} px; tiles "
        f"overlap by {section.margin_px} px, of which nothing is kept"
    )


def _parity(record: CompressedEnhancer) -> list[str]:
    parity = record.enhancer.parity
    furthest = ", ".join(f"{run.runtime} {run.max_abs_difference:.0f}" for run in parity.runtimes)
    lines = [
        "## Against the float network that was fitted, the same pictures",
        f"At most {MAX_LOSS_DB} dB may be lost. Largest difference of a pixel over "
        f"{parity.n_images:,} pictures, grey levels: {furthest}.",
        "",
        "| pictures | place | runtime | float dB | INT8 dB |",
        "|---|---|---|---|---|",
        *(
            f"| {one.pairs} | {one.place} | {one.runtime} | {one.psnr_float_db:.2f} | "
            f"{one.psnr_int8_db:.2f} |"
            for one in record.agreements
        ),
    ]
    if LEGACY_RUNTIME not in {run.runtime for run in parity.runtimes}:
        lines.append(f"| all | all | {LEGACY_RUNTIME} | not measured | not measured |")
    return [*lines, ""]
