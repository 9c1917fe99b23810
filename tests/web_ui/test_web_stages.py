"""What a reviewer sees of stages: gametocytes apart, and where there are none why."""

from __future__ import annotations

import io
from dataclasses import replace

from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads, value_of

from edge.contract.labels import GAMETOCYTE, PARASITISED, RING, STAGES, TROPHOZOITE
from edge.screening.service import ScreeningService
from web_ui.stages import stage_lines, stage_name

# Of the six infected cells of a field; the last has no clear stage.
SEEN = (RING, RING, TROPHOZOITE, GAMETOCYTE, GAMETOCYTE)


def uploaded(client: FlaskClient, service: ScreeningService) -> str:
    """Two fields, screened; gives the specimen's id."""
    return screen_uploads(client, service, [(io.BytesIO(field_png()), f"{n}.png") for n in "ab"])


def test_gametocytes_stand_apart_from_the_stages_that_count(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.tell_stages(*SEEN)
    page = client.get(f"/specimens/{uploaded(client, service)}").text
    assert value_of(page, "positive-count") == "12"
    assert value_of(page, "gametocyte-count") == "4"
    counts = [value_of(page, f"stage-{stage}") for stage in (*STAGES[:3], "unnamed", GAMETOCYTE)]
    assert counts == ["4", "2", "0", "2", "4"]
    assert page.index("stage-unnamed") < page.index("stage-gametocyte")
    assert "not part of the parasite density" in page
    assert page.count(">Gametocyte</span>") == 4
    assert "4 of them look like gametocytes." in page
    assert "stages-1.0.0" in page and "cdcdcdcdcdcd" in page


def test_field_says_how_many_of_its_suspect_cells_look_like_gametocytes(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.tell_stages(*SEEN)
    page = client.get(f"/specimens/{uploaded(client, service)}/fields/0").text
    assert value_of(page, "gametocyte-count") == "2"
    assert page.count("<td>infected, gametocyte</td>") == 2
    assert page.count("<td>infected</td>") == 1


def test_page_says_why_stages_were_not_told_apart(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.ran_on = replace(screener.ran_on, stages_problem="its golden tensors differ")
    page = client.get(f"/specimens/{uploaded(client, service)}").text
    assert "Stages were not told apart" in page and "The count is not affected" in page
    assert page.count("its golden tensors differ") == 2
    assert 'id="stages"' not in page and "gametocyte-count" not in page
    assert "Not told apart: its golden tensors differ" in client.get("/about").text


def test_slide_without_a_suspect_cell_shows_no_stage(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    screener.tell_stages()
    page = client.get(f"/specimens/{uploaded(client, service)}").text
    assert 'id="stages"' not in page and "not told apart" not in page.lower()


def test_records_from_before_there_were_stages_claim_nothing(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = uploaded(client, service)
    for address in (f"/specimens/{specimen_id}", f"/specimens/{specimen_id}/fields/0"):
        page = client.get(address).text.lower()
        assert "stage" not in page.replace("stage-", "") and "gametocyte" not in page


def test_about_explains_stages_where_they_are_told_apart(
    client: FlaskClient, screener: ScriptedScreener
) -> None:
    assert "which stage a suspect cell looks like" not in client.get("/about").text
    screener.tell_stages()
    page = client.get("/about").text
    assert "which stage a suspect cell looks like" in page and "stages-1.0.0" in page


def test_lines_of_a_report_add_up_to_its_suspect_cells() -> None:
    counts = dict.fromkeys(STAGES, 0) | {RING: 5, GAMETOCYTE: 2}
    lines = stage_lines({"positive_count": 9, "stage_counts": counts})
    assert [(line.name, line.count) for line in lines] == [
        ("Ring", 5),
        ("Trophozoite", 0),
        ("Schizont", 0),
        ("Stage not clear", 2),
        ("Gametocyte", 2),
    ]
    for older in ({"positive_count": 9}, {"positive_count": 9, "stage_counts": {}}, {}):
        assert stage_lines(older) == []


def test_only_a_stage_has_a_stages_name() -> None:
    assert [stage_name(label) for label in (RING, PARASITISED, "uninfected", "wbc")] == [
        "Ring", "", "", "",
    ]  # fmt: skip
