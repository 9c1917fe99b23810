"""Results: those in force, and what came before them."""

from __future__ import annotations

from edge.contract.errors import ConflictError
from edge.store.records import Result as StoredResult
from edge.store.results import Results
from edge.store.search import Search, SpecimenFilter
from edge.store.tokens import RESULTS
from web_ui.api.asked import ResultQuery
from web_ui.api.operations import operation
from web_ui.api.values import Result, ResultHistory, ResultPage
from web_ui.context import context
from web_ui.words import NOTICE


@operation("/results", tag="results", scope=RESULTS, query=ResultQuery, answer=ResultPage)
def list_results(query: ResultQuery) -> ResultPage:
    """The results in force, of the newest specimens first, a page at a time."""
    wanted = SpecimenFilter(
        verdict=query.verdict,
        result_status=query.result_status,
        patient_id=query.patient_id,
        task=query.task,
        from_utc=query.from_date,
        before_utc=query.before_date,
        has_result=True,
    )
    found = Search(context().store).page(wanted, query.limit + 1, query.after)
    shown = found[: query.limit]
    current = Results(context().store).current_of([one.specimen_id for one in shown])
    return ResultPage(
        tuple(_value(current[one.specimen_id]) for one in shown if one.specimen_id in current),
        shown[-1].specimen_id if len(found) > query.limit else None,
    )


@operation(
    "/specimens/<specimen_id>/result",
    tag="results",
    scope=RESULTS,
    answer=Result,
    refusals={409: "There is none yet; `Retry-After` says when to ask again."},
)
def show_result(specimen_id: str) -> Result:
    """The result in force; 409 while there is none."""
    found = Results(context().store).current(specimen_id)
    if found is None:
        raise ConflictError(f"specimen {specimen_id} has no result yet; ask again later")
    return _value(found)


@operation("/specimens/<specimen_id>/results", tag="results", scope=RESULTS, answer=ResultHistory)
def list_versions(specimen_id: str) -> ResultHistory:
    """Every version of a specimen's result, oldest first."""
    return ResultHistory(tuple(map(_value, Results(context().store).history(specimen_id))))


def _value(found: StoredResult) -> Result:
    return Result(
        specimen_id=found.specimen_id,
        version=found.version,
        status=found.status,
        verdict=found.report["verdict"],
        why=found.report.get("why", ""),
        by=found.by,
        at_utc=found.at_utc,
        reason=found.reason,
        report=found.report,
        notice=NOTICE,
    )
