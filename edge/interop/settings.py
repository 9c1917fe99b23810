"""How a site names itself to other systems: the table `[interop]` of the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class Dhis2Codes:
    """Codes and ids of a DHIS2 instance; every one of them is set up by who runs it.

    Attributes:
        data_set: code of the monthly data set.
        elements: a count's name (of `dhis2_counts.COUNTS`) to the code of its data element.
        disaggregation: "AGE_SEX" ("0-4_female") to the code of the category option combination;
            one that is missing is sent by that name itself.
        org_units: a site's name to the code of its organisation unit; one that is missing is sent
            by the name itself, and no name as `org_unit`.
        org_unit: code where the specimen names no site.
        program: id of the tracker's event program; empty where none is used.
        program_stage: id of its stage.
        data_elements: a value's name (of `dhis2_tracker.VALUES`) to the id of its data element;
            only those that are named here are sent.
    """

    data_set: str = "MAL_MONTHLY"
    elements: Mapping[str, str] = field(default_factory=dict)
    disaggregation: Mapping[str, str] = field(default_factory=dict)
    org_units: Mapping[str, str] = field(default_factory=dict)
    org_unit: str = ""
    program: str = ""
    program_stage: str = ""
    data_elements: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InteropSettings:
    """What goes into every document.

    Attributes:
        identifier_base: URL under which the site's identifiers are unique; ids of the same
            pseudonym differ where it does, so two sites that both have a P-1 keep theirs apart.
        institution: the site's name in a DICOM header.
    """

    identifier_base: str = "https://clinicscope.invalid/id"
    institution: str = ""
    dhis2: Dhis2Codes = field(default_factory=Dhis2Codes)

    def __post_init__(self) -> None:
        parts = urlsplit(self.identifier_base)
        if parts.scheme not in ("http", "https", "urn") or self.identifier_base.endswith("/"):
            raise ConfigError(
                f"identifier_base is {self.identifier_base!r}; give a URL without a slash at its "
                "end, such as https://clinic.example/id"
            )
