"""What a person counted at the microscope: density with its exact interval, and whether it is
enough.

Thick smear: parasites against white cells, density = parasites x white cells per µL / white cells
counted; a measured count replaces the assumed 8,000. Thin smear: parasitised red cells among red
cells. Counting noise alone is in the intervals: a person's own errors are not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.errors import DataError
from edge.protocol.definition import THICK, THIN, Protocol, ThickProtocol
from edge.protocol.exact import poisson_interval, share_interval


@dataclass(frozen=True)
class PersonCount:
    """One reading of one slide.

    Attributes:
        protocol: name@version of the rule it was counted by.
        parasites: asexual ones; gametocytes apart.
        per_ul: white (thick) or red cells (thin) per µL that the density rests on;
        measured: of the patient, not assumed.
        density_per_ul: of asexual parasites, with its 95 % interval.
        parasitaemia_fraction: of a thin smear, else None.
        complete: as many cells were counted as the protocol asks for at so many parasites.
        missing: how many more it asks for; 0 when complete.
        assumption: what the density rests on, in a sentence.
    """

    smear: str
    protocol: str
    by: str
    at_utc: str
    parasites: int
    gametocytes: int
    wbc_counted: int
    rbc_counted: int
    per_ul: int
    measured: bool
    density_per_ul: float
    density_low_per_ul: float
    density_high_per_ul: float
    gametocytes_per_ul: float
    parasitaemia_fraction: float | None
    ci_low: float | None
    ci_high: float | None
    complete: bool
    missing: int
    assumption: str

    @property
    def seen(self) -> int:
        """Parasites of any kind; one makes a slide positive."""
        return self.parasites + self.gametocytes


def count_of_person(
    protocol: Protocol,
    thick: ThickProtocol,
    *,
    parasites: int,
    gametocytes: int = 0,
    wbc_counted: int = 0,
    rbc_counted: int = 0,
    wbc_per_ul: int | None = None,
    by: str = "",
    at_utc: str = "",
) -> PersonCount:
    """A reading in parasites per µL; of a thick smear where white cells were counted.

    Args:
        wbc_per_ul: the patient's, where it was measured.

    Raises:
        DataError: a negative count, nothing or both kinds counted against, or more infected red
            cells than red cells.
    """
    numbers = (parasites, gametocytes, wbc_counted, rbc_counted)
    if min(numbers) < 0:
        raise DataError(f"counts are {numbers}; none can be negative")
    if bool(wbc_counted) == bool(rbc_counted):
        raise DataError(
            f"{wbc_counted} white and {rbc_counted} red cells were counted; give one of them: "
            "white cells for a thick smear, red cells for a thin one"
        )
    if wbc_counted:
        return _of_thick(thick, parasites, gametocytes, wbc_counted, wbc_per_ul, by, at_utc)
    return _of_thin(protocol, parasites, gametocytes, rbc_counted, by, at_utc)


def _of_thick(
    thick: ThickProtocol,
    parasites: int,
    gametocytes: int,
    wbc_counted: int,
    wbc_per_ul: int | None,
    by: str,
    at_utc: str,
) -> PersonCount:
    if wbc_per_ul is not None and wbc_per_ul < 1:
        raise DataError(f"wbc_per_ul is {wbc_per_ul}; leave it out where it was not measured")
    per_ul = thick.wbc_per_ul if wbc_per_ul is None else wbc_per_ul
    each = per_ul / wbc_counted
    low, high = poisson_interval(parasites)
    missing = max(thick.wbc_needed(parasites) - wbc_counted, 0)
    origin = "measured" if wbc_per_ul is not None else "assumed and not measured"
    return PersonCount(
        smear=THICK,
        protocol=thick.label,
        by=by,
        at_utc=at_utc,
        parasites=parasites,
        gametocytes=gametocytes,
        wbc_counted=wbc_counted,
        rbc_counted=0,
        per_ul=per_ul,
        measured=wbc_per_ul is not None,
        density_per_ul=parasites * each,
        density_low_per_ul=low * each,
        density_high_per_ul=high * each,
        gametocytes_per_ul=gametocytes * each,
        parasitaemia_fraction=None,
        ci_low=None,
        ci_high=None,
        complete=not missing,
        missing=missing,
        assumption=f"{per_ul:,} white cells per µL, {origin}; asexual parasites alone are counted.",
    )


def _of_thin(
    protocol: Protocol,
    parasites: int,
    gametocytes: int,
    rbc_counted: int,
    by: str,
    at_utc: str,
) -> PersonCount:
    if parasites + gametocytes > rbc_counted:
        raise DataError(
            f"{parasites} parasites and {gametocytes} gametocytes in {rbc_counted} red cells; "
            "count infected red cells, each once"
        )
    share, per_ul = parasites / rbc_counted, protocol.rbc_per_ul
    low, high = share_interval(parasites, rbc_counted)
    missing = max(protocol.minimum_for(share) - rbc_counted, 0)
    return PersonCount(
        smear=THIN,
        protocol=protocol.label,
        by=by,
        at_utc=at_utc,
        parasites=parasites,
        gametocytes=gametocytes,
        wbc_counted=0,
        rbc_counted=rbc_counted,
        per_ul=per_ul,
        measured=False,
        density_per_ul=share * per_ul,
        density_low_per_ul=low * per_ul,
        density_high_per_ul=high * per_ul,
        gametocytes_per_ul=gametocytes / rbc_counted * per_ul,
        parasitaemia_fraction=share,
        ci_low=low,
        ci_high=high,
        complete=not missing,
        missing=missing,
        assumption=(
            f"{per_ul:,} red cells per µL, assumed and not measured; asexual parasites alone are "
            "counted."
        ),
    )
