"""A month's malaria tests as DHIS2 counts them: by age band and sex.

Counted is what a person signed: a test is a signed positive or negative. Species are not told
apart, so their elements (MAL_PF_MICR and its like) are not sent: no number is none, not 0.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sqlalchemy import func, select

from edge.contract.errors import ConfigError
from edge.interop.cases import month_start, next_month
from edge.interop.settings import Dhis2Codes
from edge.store.clinic_schema import PatientRow
from edge.store.records import AGE_BANDS, AMENDED, FINAL, MALARIA, SEXES
from edge.store.schema import SpecimenRow
from edge.store.store import Store

TESTED, POSITIVE = "MAL_CASES_TEST_MICR", "MAL_CASES_POS_MICR"
COUNTS = (TESTED, POSITIVE)
Key = tuple[str, str, str, str]


def count_month(store: Store, month: str) -> Counter[Key]:
    """Tests by element, site, age band and sex, of specimens begun in a month (UTC).

    Raises:
        DataError: the month is none.
    """
    site = func.coalesce(func.nullif(SpecimenRow.site, ""), PatientRow.site, "")
    what = (site, PatientRow.age_band, PatientRow.sex, SpecimenRow.verdict)
    query = (
        select(*what, func.count())
        .select_from(SpecimenRow)
        .outerjoin(PatientRow, PatientRow.patient_id == SpecimenRow.patient_id)
        .where(
            SpecimenRow.started_utc >= month_start(month),
            SpecimenRow.started_utc < month_start(next_month(month)),
            SpecimenRow.task == MALARIA,
            SpecimenRow.result_status.in_((FINAL, AMENDED)),
            SpecimenRow.verdict.in_(("positive", "negative")),
        )
        .group_by(*what)
    )
    found: Counter[Key] = Counter()
    with store.session() as session:
        for where, age, sex, verdict, count in session.execute(query):
            key = (where, age or "unknown", sex or "unknown")
            found[TESTED, *key] += count
            found[POSITIVE, *key] += count if verdict == "positive" else 0
    return found


def data_value_set(month: str, counts: Counter[Key], codes: Dhis2Codes) -> dict[str, Any]:
    """The body of `POST /api/dataValueSets` with codes as ids (idScheme=CODE).

    Every age band and sex of a site that has tests is named, with 0 where there were none: a
    number that was sent before must not outlive its correction.

    Raises:
        DataError: the month is none.
        ConfigError: a specimen names no site, and the config no `org_unit`.
    """
    period = month_start(month)[:7].replace("-", "")
    sites = sorted({key[1] for key in counts})
    values = [
        {
            "dataElement": codes.elements.get(element, element),
            "orgUnit": org_unit(site, codes),
            "period": period,
            "categoryOptionCombo": codes.disaggregation.get(f"{age}_{sex}", f"{age}_{sex}"),
            "value": str(counts[element, site, age, sex]),
        }
        for site in sites
        for element in COUNTS
        for age in AGE_BANDS
        for sex in SEXES
    ]
    return {"dataSet": codes.data_set, "period": period, "dataValues": values}


def add_zeros(content: dict[str, Any], earlier: bytes) -> None:
    """Adds a 0 for each value that was told earlier and is none any more.

    So it is where the last test of a unit was found to be another unit's.

    Args:
        content: of `data_value_set`; is added to.
        earlier: what was sent of that month before, as `value_set_bytes` made it.
    """
    names = ("dataElement", "orgUnit", "period", "categoryOptionCombo")
    told = {tuple(value[name] for name in names) for value in content["dataValues"]}
    for value in json.loads(earlier)["dataValues"]:
        if tuple(value[name] for name in names) not in told:
            content["dataValues"].append(value | {"value": "0"})


def org_unit(site: str, codes: Dhis2Codes) -> str:
    """The code of a site's unit. Raises ConfigError where there is none."""
    found = codes.org_units.get(site, site) or codes.org_unit
    if not found:
        raise ConfigError(
            "a specimen names no site; set org_unit in [interop.dhis2] to the unit that it is of"
        )
    return found


def value_set_bytes(content: dict[str, Any]) -> bytes:
    """As it is sent and stored: the same bytes for the same counts."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
