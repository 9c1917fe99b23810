"""The table of variants as text: one place for the page and for Markdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compress.measure import Latency, VariantRow
from compress.tables import VariantTable
from train.bootstrap import Figure
from train.report.table import value_text


@dataclass(frozen=True)
class Cell:
    """A figure, and below it in small what it is to be read with."""

    text: str
    small: str = ""


@dataclass(frozen=True)
class Cells:
    """A table: the first column names the row; `peer` says which rows are not ours."""

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    peer: tuple[bool, ...]


_DASH = Cell("–")


def variant_cells(table: VariantTable) -> Cells:
    """One row a variant, peers last; numbered as the plots are."""
    columns = _columns(table)
    rows = (*table.rows, *table.peers)
    return Cells(
        (Cell("variant", "format"), *(head for head, _ in columns)),
        tuple(
            (Cell(f"{number}. {row.name}", _form(row)), *(make(row) for _, make in columns))
            for number, row in enumerate(rows, start=1)
        ),
        _peer_marks(table),
    )


def speed_cells(table: VariantTable) -> Cells | None:
    """How many times faster each variant is than each peer, by medians; None without peers."""
    if not table.peers:
        return None
    columns = tuple(
        Cell(peer.name, f"batch {batch}") for peer in table.peers for batch in ("1", "32")
    )
    rows = tuple(
        (
            Cell(f"{number}. {row.name}", row.format),
            *(cell for peer in table.peers for cell in _times_faster(row, peer)),
        )
        for number, row in enumerate(table.rows, start=1)
    )
    return Cells((Cell("variant", "format"), *columns), rows, (False,) * len(rows))


def accuracy_rule(table: VariantTable) -> str:
    """How calls were made, in words."""
    if len(table.labels) > 2:
        return "the likeliest class is called"
    thresholds = {row.threshold for row in table.rows}
    if thresholds == {None}:
        return "each fold called at the threshold that is most accurate on the others"
    if len(thresholds) == 1:
        return f"called at {value_text(float(thresholds.pop() or 0), 3).rstrip('0')}"
    return "called at each variant's own threshold"


def _columns(table: VariantTable) -> list[tuple[Cell, Callable[[VariantRow], Cell]]]:
    macro = "macro AUC" if len(table.labels) > 2 else "AUC"
    return [
        (Cell("bytes", "zipped"), lambda row: Cell(f"{row.bytes:,}", f"{row.zipped_bytes:,}")),
        (Cell("MMAC", "parameters"), _cost),
        (Cell("zero weights"), _zeros),
        (Cell(macro, "95 % interval"), lambda row: _figure(row.auc)),
        (Cell("accuracy", "95 % interval"), lambda row: _figure(row.accuracy)),
        (Cell(f"{macro} − float", "95 % interval"), lambda row: _difference(row.auc_difference, 1)),
        (
            Cell("accuracy − float, points", "95 % interval"),
            lambda row: _difference(row.accuracy_difference, 100),
        ),
        (Cell("ms, batch 1", "p95"), lambda row: _latency(row.batch_1)),
        (Cell("ms an image, batch 32", "p95"), lambda row: _latency(row.batch_32)),
        (Cell("peak MB"), lambda row: _DASH if row.peak_mb is None else Cell(f"{row.peak_mb:.1f}")),
    ]


def _peer_marks(table: VariantTable) -> tuple[bool, ...]:
    return (False,) * len(table.rows) + (True,) * len(table.peers)


def _form(row: VariantRow) -> str:
    return f"{row.format}; {row.note}" if row.note else row.format


def _cost(row: VariantRow) -> Cell:
    return Cell(f"{row.macs / 1e6:.1f}", f"{row.parameters:,}")


def _zeros(row: VariantRow) -> Cell:
    return _DASH if row.sparsity is None else Cell(f"{row.sparsity:.0%}".replace("%", " %"))


def _figure(figure: Figure) -> Cell:
    return Cell(
        value_text(figure.value),
        f"{value_text(figure.ci_low)} to {value_text(figure.ci_high)}",
    )


def _difference(figure: Figure | None, factor: float) -> Cell:
    if figure is None:
        return _DASH
    digits = 2 if factor > 1 else 4
    value, low, high = (
        _signed(factor * x, digits) for x in (figure.value, figure.ci_low, figure.ci_high)
    )
    return Cell(value, f"{low} to {high}")


def _signed(value: float, digits: int) -> str:
    text = value_text(abs(round(value, digits)), digits)
    if not round(value, digits):
        return text
    return ("+" if value > 0 else "−") + text


def _latency(latency: Latency) -> Cell:
    return Cell(f"{latency.p50_ms:.3f}", f"{latency.p95_ms:.3f}")


def _times_faster(row: VariantRow, peer: VariantRow) -> tuple[Cell, Cell]:
    pairs = ((row.batch_1, peer.batch_1), (row.batch_32, peer.batch_32))
    one, many = (Cell(f"{theirs.p50_ms / ours.p50_ms:.1f} ×") for ours, theirs in pairs)
    return one, many
