"""Single pictures to calls, as `clinicscope classify` makes them; nothing of them is stored."""

from __future__ import annotations

from collections.abc import Sequence

from edge.contract.errors import BusyError
from edge.contract.types import RanOn
from edge.screening.classifier import Classifier
from edge.screening.picture_view import PictureView, view_picture
from edge.store.tokens import PREDICT
from web_ui.api.asked import Pictures, PredictQuery
from web_ui.api.operations import PICTURES, Body, Given, operation
from web_ui.api.values import Prediction, Predictions
from web_ui.context import context
from web_ui.uploads import safe_name
from web_ui.words import NOTICE

MOST_PICTURES, MOST_BYTES = 32, 64 * 1024 * 1024
# For the pictures of others that are being read, and then for these.
PATIENCE_S = 60.0

Sent = Sequence[tuple[str, bytes]]


@operation(
    "/predict",
    "POST",
    tag="predict",
    scope=PREDICT,
    query=PredictQuery,
    body=Body(
        form=Pictures,
        files="images",
        most_files=MOST_PICTURES,
        max_bytes=MOST_BYTES,
        kinds=PICTURES,
    ),
    answer=Predictions,
    refusals={409: "Other pictures are being read.", 503: "The task's bundle must not be used."},
)
def predict(query: PredictQuery, given: Given) -> Predictions:
    """Calls single pictures: crops of red cells, or chest X-rays; a call for each, in order."""
    sent = [(safe_name(file.filename or ""), file.read()) for file in given.files]
    future = context().pictures.worker.submit(
        query.task, lambda classifier: _call_all(sent, classifier)
    )
    try:
        views, ran_on = future.result(PATIENCE_S)
    except TimeoutError as error:
        future.cancel()
        raise BusyError("other pictures are being read; ask again later") from error
    return Predictions(
        task=query.task,
        items=tuple(map(_value, views)),
        bundle_id=ran_on.bundle_id,
        bundle_sha256=ran_on.bundle_sha256,
        runtime=ran_on.runtime,
        accelerator=ran_on.accelerator,
        fallback=ran_on.fallback,
        fallback_why=ran_on.fallback_why,
        notice=NOTICE,
    )


def _call_all(sent: Sent, classifier: Classifier) -> tuple[list[PictureView], RanOn]:
    """One by one, so that no more than one is decoded at a time."""
    return [view_picture(name, data, classifier) for name, data in sent], classifier.ran_on


def _value(view: PictureView) -> Prediction:
    result = view.result
    return Prediction(
        name=result.path,
        score=result.score,
        call=result.call or None,
        certainty=view.certainty,
        doubt=view.doubt,
        novelty=result.novelty,
        refused=result.refused,
    )
