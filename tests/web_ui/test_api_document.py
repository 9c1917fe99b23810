"""The API's document: it tells what the program does, and the program keeps what it tells."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from api_samples import Program, program, secret_of
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection
from web_samples import ScriptedScreener, field_png

from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.store.store import Store
from edge.store.tokens import SCOPES
from tests.support.people import add_person
from web_ui import create_app
from web_ui.access import PUBLIC, RULES
from web_ui.api import OPERATIONS
from web_ui.api.document import build_document, main
from web_ui.api.kinds import attributes_of, limited, schema_of

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_committed_copy_is_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    made = capsys.readouterr().out
    assert COPY.read_text(encoding="utf-8") == made, "run: python -m web_ui.api > docs/openapi.json"


def test_the_device_gives_the_document_to_anyone(app: Flask) -> None:
    answer = Program(app.test_client()).get("openapi.json")
    assert answer.json == json.loads(json.dumps(build_document()))
    assert answer.json["openapi"] == "3.1.0"
    assert "not for diagnosis" in answer.json["info"]["description"]


def test_every_operation_has_its_route_its_rule_and_its_words(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint[:4] == "api."}
    assert routes == {item.endpoint for item in OPERATIONS}
    for item in OPERATIONS:
        rule = RULES[item.endpoint]
        assert rule == PUBLIC if not item.scope else rule.scope == item.scope, item.name
        assert item.summary.endswith(".") and len(item.summary) > 10


def test_every_value_has_its_words() -> None:
    """But those whose name says it all."""
    schemas = build_document()["components"]["schemas"]
    assert {"Health", "Prediction", "Problem", "Result", "SlideReport", "Specimen"} <= set(schemas)
    for name, schema in schemas.items():
        assert schema["description"], name
    specimen = schemas["NewSpecimen"]
    assert specimen["required"] == ["label"] and not specimen["additionalProperties"]
    assert "pseudonym" in specimen["properties"]["label"]["description"]
    assert specimen["properties"]["barcode"]["type"] == ["string", "null"]
    assert specimen["properties"]["simulated"]["anyOf"][1] == {"type": "null"}
    assert schemas["Result"]["properties"]["report"]["$ref"].endswith("/SlideReport")
    assert schemas["SlideReport"]["properties"]["ci_low"]["type"] == ["number", "null"]
    assert "accelerator" in schemas["SlideReport"]["properties"]


def test_docstrings_are_read_as_they_are_written() -> None:
    class Sample:
        """Of a test.

        Attributes:
            one, two: told
                at length.
            three: short.

        Raises:
            four: none of them.
        """

    assert attributes_of(Sample) == {
        "one": "told at length.",
        "two": "told at length.",
        "three": "short.",
    }


def test_kinds_have_their_schemas() -> None:
    made: dict[str, Any] = {}

    def schema(kind: Any) -> dict[str, Any]:
        return schema_of(kind, answer=True, definitions=made)

    assert schema(Any) == {}
    assert schema(dict[str, Any]) == {"type": "object"}
    assert schema(dict[str, float])["additionalProperties"] == {"type": "number"}
    assert schema(tuple[int, ...]) == {"type": "array", "items": {"type": "integer"}}
    assert schema(bool | None) == {"type": ["boolean", "null"]}
    assert limited(1, minimum=0).metadata == {"minimum": 0}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str, str]]:
    """An app with a specimen that was screened; a token of all scopes; the specimen's id."""
    home = tmp_path_factory.mktemp("schemathesis") / "home"
    protocol = Protocol("test-100", minimum_rbc_count=100, negative_limit_fraction=0.05)
    service = ScreeningService(Store(home), ScriptedScreener, protocol)
    app = create_app(service, max_upload_bytes=2_000_000)
    add_person(service.store)
    asked = program(app, service.store)
    answer = asked.send("specimens", label="S-1", images=[(io.BytesIO(field_png()), "a.png")] * 3)
    assert service.wait(10)
    yield app, secret_of(service.store, SCOPES), answer.json["specimen_id"]
    service.close()


_MADE: list[Flask] = []


def answer(environ: Any, start_response: Any) -> Any:
    """By the device above, which is made after the tests have been collected."""
    return _MADE[-1](environ, start_response)


SCHEMA = schemathesis.openapi.from_dict(build_document())
SCHEMA.location = "/api/v1/openapi.json"
SCHEMA.app = answer


@SCHEMA.parametrize()
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_api_keeps_its_document(case: Any, device: tuple[Flask, str, str]) -> None:
    """Requests that fit the document, and many that do not; no server error, no other form."""
    made, secret, specimen_id = device
    _MADE.append(made)
    if case.path_parameters.get("specimen_id", "").startswith(("0", "1", "2", "3")):
        case.path_parameters["specimen_id"] = specimen_id
    with warnings.catch_warnings():
        # Of bodies that werkzeug gives up on, whose parts the garbage collector closes.
        warnings.simplefilter("ignore", ResourceWarning)
        headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"}
        # A form's values are text, so a number in place of a label is a label.
        form = case.media_type == "multipart/form-data"
        without = [negative_data_rejection] if form else []
        case.call_and_validate(headers=headers, excluded_checks=without)
