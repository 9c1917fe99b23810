"""What a reviewer sees of the second opinion: disputed cells and refused objects, apart."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads, value_of

from edge.contract.images import decode_image
from edge.screening.service import ScreeningService
from edge.store.records import AGREED, DISPUTED, REFUSED
from web_ui.gallery import OBJECTS_AT_MOST, refused_groups
from web_ui.specimens import CELLS_AT_FIRST


@pytest.fixture
def specimen_id(client: FlaskClient, service: ScreeningService, screener: ScriptedScreener) -> str:
    """Two fields, each with 6 cells that both suspect, 4 disputed and 5 refused ones."""
    screener.give_second_opinion()
    files = [(io.BytesIO(field_png()), f"{name}.png") for name in "ab"]
    return screen_uploads(client, service, files)


def section(page: str, name: str) -> str:
    """The part of a page below a heading."""
    found = re.search(rf'<section[^>]* id="{name}".*?</section>', page, re.DOTALL)
    assert found, f"{name} is not on the page"
    return found[0]


def test_disputed_cells_stand_apart_with_who_suspects_them(
    client: FlaskClient, specimen_id: str
) -> None:
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "disagreement-count") == "8"
    assert section(page, "suspect").count('class="cell"') == 12
    disputed = section(page, "differ")
    assert disputed.count('class="cell"') == 8
    assert disputed.count("Only the 1st opinion</strong>") == 4
    assert disputed.count("Only the 2nd opinion</strong>") == 4
    assert disputed.count("1st: healthy") == disputed.count("2nd: healthy") == 4
    assert "Second opinion differs" in disputed and "look at these cells yourself" in disputed
    assert "Only the" not in section(page, "suspect")
    assert "agrees on every cell" not in page


def test_refused_objects_say_why_and_the_infected_looking_come_first(
    client: FlaskClient, specimen_id: str
) -> None:
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "refused-cell-count") == "10"
    refused = section(page, "refused")
    assert refused.count("Looks infected</strong>") == 2
    assert "but refused: no red blood cell" in refused and "must look at them" in refused
    assert re.search(r"<b>8</b> no red blood cell</h3>", refused)
    assert refused.count("/objects/") == 8 and "foreign 0.98, limit 0.62" in refused
    assert refused.index("Looks infected") < refused.index("<b>8</b>")


def test_fields_say_how_many_are_disputed_and_refused(
    client: FlaskClient, specimen_id: str
) -> None:
    page = client.get(f"/specimens/{specimen_id}").text
    assert page.count("4 disputed") == page.count("5 refused") == 2


def test_field_page_explains_its_boxes_and_lists_the_reasons(
    client: FlaskClient, specimen_id: str
) -> None:
    page = client.get(f"/specimens/{specimen_id}/fields/1").text
    assert value_of(page, "disagreement-count") == "4"
    assert value_of(page, "refused-cell-count") == "5"
    assert "Opinions differ, with the one" in page and "Refused as no red cell, thick" in page
    counts = [
        section(page, name).count('class="cell"') for name in ("suspect", "differ", "refused")
    ]
    assert counts == [6, 4, 1]
    assert page.count("Refused: no red blood cell (foreign 0.98, limit 0.62)") == 5
    assert "<td>0.970</td>" in page and ">2nd opinion</th>" in page


@pytest.mark.parametrize("kind", [AGREED, DISPUTED, REFUSED])
def test_pictures_of_every_kind_are_served(
    client: FlaskClient, service: ScreeningService, specimen_id: str, kind: str
) -> None:
    cell = next(one for one in service.store.suspect_cells(specimen_id) if one.kind == kind)
    base = f"/specimens/{specimen_id}/cells/{cell.cell_id}"
    plain, heat = client.get(f"{base}.jpg"), client.get(f"{base}/heat.jpg")
    assert decode_image(plain.data).shape == (160, 160, 3) and plain.data != heat.data


def test_picture_of_an_object_is_that_object(client: FlaskClient, specimen_id: str) -> None:
    base = f"/specimens/{specimen_id}/fields/0/objects"
    one, other = client.get(f"{base}/12.jpg"), client.get(f"{base}/14.jpg")
    assert decode_image(one.data).shape == (160, 160, 3) and one.data != other.data
    assert one.headers["ETag"] != other.headers["ETag"]
    for number in ("61", "99999999999999999999"):
        assert client.get(f"{base}/{number}.jpg").status_code == 404


def test_more_cells_than_a_phone_needs_come_when_asked_for(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.give_second_opinion()
    screener.disputed = 20
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    page = client.get(f"/specimens/{specimen_id}").text
    assert section(page, "differ").count('class="cell"') == CELLS_AT_FIRST
    assert 'href="?all=1#differ"' in page and 'href="?all=1#suspect"' not in page
    page = client.get(f"/specimens/{specimen_id}?all=1").text
    assert section(page, "differ").count('class="cell"') == 20


def test_agreement_is_said_too(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.give_second_opinion()
    screener.disputed = 0
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    page = client.get(f"/specimens/{specimen_id}").text
    assert "agrees on every cell that it was asked about" in page and 'id="differ"' not in page


def test_cells_that_it_was_not_asked_about_are_said_to_be_so(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.give_second_opinion()
    files = [(io.BytesIO(field_png()), "a.png")]
    all_asked = screen_uploads(client, service, files)
    assert "not asked" not in client.get(f"/specimens/{all_asked}/fields/0").text
    assert "It is asked about</dt><dd>every cell</dd>" in client.get("/about").text
    screener.ask_some(unasked=30)
    some_asked = screen_uploads(client, service, [(io.BytesIO(field_png()), "b.png")])
    page = client.get(f"/specimens/{some_asked}/fields/0").text
    assert page.count(">not asked</span>") == 30
    assert "and a sample of the others" in client.get("/about").text


def test_bundle_without_second_opinion_claims_none(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    for address in (f"/specimens/{specimen_id}", f"/specimens/{specimen_id}/fields/0"):
        page = client.get(address).text.lower()
        for words in ("second opinion", "2nd", "disputed", "refused objects", "opinions differ"):
            assert words not in page
    assert "None in this bundle" in client.get("/").text
    assert "A second network" not in client.get("/about").text


def test_pages_of_the_device_say_what_the_second_opinion_does(
    client: FlaskClient, screener: ScriptedScreener
) -> None:
    screener.give_second_opinion()
    assert re.search(r"<dt>Second opinion</dt><dd>Yes</dd>", client.get("/").text)
    page = client.get("/about").text
    assert "It knows healthy cells only" in page
    assert "from a score of 0.900, which 1.0 % of healthy cells reach" in page
    assert "from a score of 0.620, which 0.40 % of red cells reach" in page
    assert "more than 50.0 % of its objects" in page and "5,000 healthy cells of 40" in page


def test_causes_are_grouped_the_most_frequent_first(
    service: ScreeningService, specimen_id: str
) -> None:
    field = service.store.fields(specimen_id)[0]
    plain = field.cells[0] | {"label": "debris"}
    reasons = ["half a cell (x .1)", *(f"no red cell (x {n})" for n in range(20))]
    field = replace(field, cells=[plain | {"refused": reason} for reason in reasons])
    most, least = refused_groups([field])
    assert (most.cause, most.count, len(most.objects)) == ("no red cell", 20, OBJECTS_AT_MOST)
    assert (least.cause, least.objects[0].number) == ("half a cell", 0)
