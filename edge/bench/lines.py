"""Records, comparisons and checks as lines of text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from edge.bench.compare import Comparison
from edge.bench.record import Record
from edge.bench.reference import Check


def record_lines(record: Record) -> Iterator[str]:
    """Every model, the field, what it costs beside, and the verdict."""
    yield f"{'model':40} {'bytes':>10} {'median ms':>10} {'p95 ms':>8} {'ratio':>7}"
    for model in record.models:
        span = f"  {model.ratio_interval.low:.2f} to {model.ratio_interval.high:.2f}"
        yield (
            f"{model.name:40} {model.bytes:>10,} {model.median_ms:>10.4f} "
            f"{model.p95_ms:>8.4f} {model.ratio:>6.2f}x{span}"
        )
    if record.field:
        yield (
            f"field of {record.field.cells:.0f} cells: {record.field.total_ms} ms "
            f"{json.dumps(record.field.stages_ms)}"
        )
        yield f"beside it: {json.dumps(record.field.beside_ms)} ms"
    if record.slides:
        yield (
            f"slides an hour: {record.slides.an_hour:,.0f} of {record.slides.fields} fields "
            f"({record.slides.counts}; moving the slide is not in it)"
        )
    yield from _cost_lines(record)
    yield from _long_lines(record)
    yield f"verdict: {record.verdict}"
    if record.verdict.notes:
        yield f"note: {'; '.join(record.verdict.notes)}"


def _cost_lines(record: Record) -> Iterator[str]:
    for one in record.cold:
        yield (
            f"cold {one.role}: imports {one.import_ms:.0f} ms, open {one.open_ms:.1f} ms, first "
            f"{one.first_ms:.3f} ms, warm {one.warm_ms:.4f} ms after {one.warm_up_calls} calls, "
            f"memory {one.steady_mb} MB steady, {one.peak_mb} MB peak"
        )
    for each in record.overhead:
        low, high = (100 * (value - 1) for value in (each.ratio.low, each.ratio.high))
        yield (
            f"overhead of a call of {each.batch}: {100 * (each.ratio.value - 1):+.1f} % "
            f"({low:+.1f} to {high:+.1f}), {each.extra_us:+.1f} us; target "
            f"{100 * each.target:.0f} %"
        )
    for proof in record.proof:
        yield (
            f"ran {proof.role}: {proof.library}, {proof.delegated_ops} of {proof.ops} operations "
            f"in {proof.partitions} delegated parts; left: {', '.join(proof.left_ops) or 'none'}"
        )
    found = record.agreement
    alike = "" if found.calls_agree is None else f", {100 * found.calls_agree:.2f} % called alike"
    yield f"agreement, {found.kind}: {found.n_cells} images within {found.most_abs}{alike}"


def _long_lines(record: Record) -> Iterator[str]:
    if record.sustained:
        one = record.sustained
        yield (
            f"sustained {one.seconds / 60:.1f} minutes, {one.what}: {one.burst_ms} ms at first, "
            f"{one.steady_ms} ms at last ({100 * one.drift:+.1f} %)"
        )
    if record.single_stream:
        stream = record.single_stream
        valid = f"not valid: {stream.why_invalid}" if stream.why_invalid else "valid"
        yield f"SingleStream p90 {stream.p90_ms} ms, {stream.queries:,} queries, {valid}"
    for energy in record.energy:
        yield (
            f"energy of {energy.what}: {energy.call_mj} mJ, {energy.above_idle_mj} above rest "
            f"({energy.sensor})"
        )


def comparison_lines(found: Comparison) -> Iterator[str]:
    """What stands against comparing, what differs, and each figure."""
    for obstacle in found.obstacles:
        yield f"no change can be claimed: {obstacle}"
    for one in found.differing:
        yield f"differs: {one.what}: {one.first} | {one.second}"
    for row in found.rows:
        yield f"{row.what}, {row.unit}: {row.first} | {row.second}  x{row.ratio:.3f}  {row.outcome}"
    for what in found.missing:
        yield f"in one record alone: {what}"


def check_lines(found: Sequence[Check]) -> Iterator[str]:
    """Each model by us and by the reference: ranges of the rounds."""
    for one in found:
        spans = [f"{min(v):.4f} to {max(v):.4f} ms" for v in (one.ours_ms, one.reference_ms)]
        agrees = "agrees within noise" if one.agrees else "differs"
        yield f"{one.name}: {spans[0]}, {one.reference} {spans[1]}, x{one.ratio:.3f}, {agrees}"
