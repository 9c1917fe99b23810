"""The manifest's section on corrections: what reviewers said on devices, and a fit learned from.

Counts, sites and hashes alone: no patient, specimen or reviewer is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.errors import ManifestError

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Networks that can learn from corrections.
_ROLES = ("classifier", "novelty")


@dataclass(frozen=True)
class CorrectedBundle:
    """A bundle whose calls were reviewed; both are empty where the device did not say."""

    bundle_id: str
    sha256: str


@dataclass(frozen=True)
class CorrectionsExport:
    """One export of a device, as it was given.

    Attributes:
        table_sha256: of its table.
        crops_sha256: of the SHA-256 of its crops' files, in the order of the table.
        sites: as the table names them.
        labels: crops of each label, as reviewers gave it.
        first_review: day of the first review, UTC; "" where there is no crop. So is `last_review`.
        bundles: whose calls were reviewed.
    """

    table_sha256: str
    crops_sha256: str
    sites: tuple[str, ...]
    labels: dict[str, int]
    n_specimens: int
    n_patients: int
    n_reviewers: int
    first_review: str
    last_review: str
    bundles: tuple[CorrectedBundle, ...]

    def __post_init__(self) -> None:
        for name in ("table_sha256", "crops_sha256"):
            if not _SHA256.fullmatch(getattr(self, name)):
                raise ManifestError(
                    f"corrections: {name} is {getattr(self, name)!r}; expected 64 hex digits"
                )
        _check_counts("labels", self.labels)
        for name in ("n_specimens", "n_patients", "n_reviewers"):
            _check_counts(name, {name: getattr(self, name)})


@dataclass(frozen=True)
class Corrections:
    """What one network of a bundle learned from corrections.

    Attributes:
        role: of the network.
        exports: in the order given.
        learned: crops that joined the part it was fitted on, by the network's own label.
        left_out: crops that did not, by why.
    """

    role: str
    exports: tuple[CorrectionsExport, ...]
    learned: dict[str, int]
    left_out: dict[str, int]

    def __post_init__(self) -> None:
        if self.role not in _ROLES:
            raise ManifestError(
                f"corrections are of role {self.role!r}; known: {', '.join(_ROLES)}"
            )
        _check_counts("learned", self.learned)
        _check_counts("left_out", self.left_out)

    def told(self) -> list[str]:
        """A sentence on what was learned, and one for each export, for a person."""
        lines = [f"{self.role}: learned from {_listed(self.learned)}"]
        if self.left_out:
            lines[0] += f"; left out: {_listed(self.left_out)}"
        return lines + [_export_told(export) for export in self.exports]


def _export_told(export: CorrectionsExport) -> str:
    sites = ", ".join(site or "a site without a name" for site in export.sites)
    days = f"{export.first_review} to {export.last_review}" if export.first_review else "no review"
    bundles = ", ".join(
        f"{one.bundle_id or 'unnamed'} ({one.sha256[:12] or 'unknown'})" for one in export.bundles
    )
    return (
        f"{sites or 'no site'}: {_listed(export.labels)}, of {export.n_specimens} specimens of "
        f"{export.n_patients} patients, {export.n_reviewers} reviewers, {days}; called by "
        f"{bundles or 'no bundle'}; table sha256 {export.table_sha256[:12]}, crops "
        f"{export.crops_sha256[:12]}"
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing"


def _check_counts(name: str, counts: Mapping[str, int]) -> None:
    if wrong := {key: count for key, count in counts.items() if count < 0}:
        raise ManifestError(f"corrections: {name} has {wrong}; counts are 0 or more")
