"""The Pareto front of a search: the trials that no other beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compress.search.objective import Outcome

COLUMNS = (
    "trial",
    "AUC",
    "AUC, float",
    "bytes",
    "ms (predicted)",
    "ms, slow kernels (predicted)",
    "MMAC",
    "input px",
    "widths",
    "strides",
    "bits",
    "cut",
)
NOTE = (
    "AUC on validation patients after a short schedule, of the file itself; milliseconds are "
    "predicted from the multiply-accumulates, not measured on the device."
)


@dataclass(frozen=True)
class Trial:
    """An outcome and its number in the study."""

    number: int
    outcome: Outcome

    @property
    def cells(self) -> tuple[str | float, ...]:
        """One value for each of COLUMNS."""
        one = self.outcome
        return (
            str(self.number),
            one.auc if one.auc is not None else "",
            one.auc_float if one.auc_float is not None else "",
            one.size_bytes,
            round(one.ms, 4),
            round(one.slow_ms, 4),
            round(one.macs / 1e6, 3),
            one.size_px,
            " ".join(map(str, one.widths)),
            " ".join(map(str, one.strides)),
            one.candidate.bits,
            one.candidate.cut,
        )

    @property
    def settings(self) -> str:
        """Options of `train fit` that give this network; a cut one is fitted whole there."""
        one = self.outcome
        return (
            f"--set preprocessing.size_px={one.size_px} "
            f"--set 'model.widths={list(one.widths)}' --set 'model.strides={list(one.strides)}'"
        )


def front_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The finished trials that no other dominates, by bytes; of equal ones the first.

    One dominates another where it is no worse in AUC, bytes and predicted ms, and better in one.
    """
    finished = [trial for trial in trials if trial.outcome.auc is not None]
    seen: dict[tuple[float, ...], Trial] = {}
    for trial in finished:
        seen.setdefault(_lower_is_better(trial), trial)
    found = [
        trial
        for own, trial in seen.items()
        if not any(
            other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in seen
        )
    ]
    return tuple(sorted(found, key=lambda trial: (trial.outcome.size_bytes, trial.number)))


def _lower_is_better(trial: Trial) -> tuple[float, ...]:
    return (-(trial.outcome.auc or 0.0), *trial.outcome.costs)
