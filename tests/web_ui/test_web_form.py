"""Starting a specimen: what the form accepts, refuses and stores."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads, submit, value_of
from werkzeug.datastructures import FileStorage

from edge.contract.errors import StorageFullError
from edge.screening.service import ScreeningService
from web_ui.forms import read_form
from web_ui.uploads import remove_batches, safe_name, save_batch, unique_name


def png(name: str = "field.png") -> tuple[io.BytesIO, str]:
    return io.BytesIO(field_png()), name


def test_simulated_specimen_starts_and_redirects(
    client: FlaskClient, service: ScreeningService
) -> None:
    form = {"seed": "7", "parasitaemia_percent": "2,5", "fields": "1", "source": "simulated"}
    response = submit(client, **form)
    assert response.status_code == 303 and service.wait(20)
    record = service.store.specimen(response.location.rsplit("/", 1)[-1])
    assert record.label == "S-0142" and record.status == "done"
    expected = {"seed": 7, "parasitaemia_fraction": 0.025, "fields": 1}
    assert record.source_settings == expected


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"label": " \t"}, "Write what stands on the slide"),
        ({"label": "x" * 61}, "Keep the label to 60"),
        ({"source": "camera"}, "Choose where the fields come from"),
        ({"source": "upload"}, "Choose at least one field image"),
        ({"seed": "-1"}, "Give a whole number from 0"),
        ({"seed": "1.5"}, "Give a whole number from 0"),
        ({"parasitaemia_percent": "101"}, "Give a percentage"),
        ({"parasitaemia_percent": "nan"}, "Give a percentage"),
        ({"fields": "61"}, "Give a whole number from 1 to 60"),
        ({"fields": "inf"}, "Give a whole number from 1 to 60"),
    ],
)
def test_wrong_entries_come_back_with_a_message(
    client: FlaskClient, service: ScreeningService, form: dict[str, str], message: str
) -> None:
    response = submit(client, **({"source": "simulated"} | form))
    assert response.status_code == 422 and message in response.text
    assert service.store.specimens() == []


def test_label_loses_control_characters() -> None:
    values = read_form({"label": "  S\u202e-1\n\x00 b "}, 0).values
    assert values["label"] == "S -1 b"


def test_text_named_png_is_refused_as_a_field_and_the_rest_goes_on(
    client: FlaskClient, service: ScreeningService
) -> None:
    files = [(io.BytesIO(b"Dear diary"), "notes.png"), png("good.png")]
    specimen_id = screen_uploads(client, service, files)
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "fields-read") == "1" and value_of(page, "fields-refused") == "1"
    refused, good = service.store.fields(specimen_id)
    assert not refused.usable and refused.reason and refused.name == "notes.png"
    assert good.usable and refused.reason.split("(")[0] in page
    assert client.get(f"/specimens/{specimen_id}/fields/0").status_code == 200
    assert client.get(f"/specimens/{specimen_id}/fields/0/image.jpg").status_code == 404


def test_uploads_of_one_name_stay_apart_and_inside(
    client: FlaskClient, service: ScreeningService
) -> None:
    names = ["../../etc/IMG.png", "IMG.png", "x/img.PNG", "..", "血片 1.jpg"]
    specimen_id = screen_uploads(client, service, [png(name) for name in names])
    stored = [field.name for field in service.store.fields(specimen_id)]
    assert stored == ["IMG.png", "IMG-2.png", "img-3.PNG", "field", "血片_1.jpg"]
    folder = service.store.home / "uploads"
    assert {path.parent.parent for path in folder.rglob("*") if path.is_file()} == {folder}


def test_busy_device_answers_409_and_keeps_the_uploads_at_work(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.gate = threading.Event()
    first = submit(client, images=[png("a.png"), png("b.png")]).location.rsplit("/", 1)[-1]
    for form in ({"images": [png("c.png")]}, {"source": "simulated"}):
        response = submit(client, label="S-second", **form)
        assert response.status_code == 409 and "is being screened" in response.text
        assert "S-second" in response.text
    screener.gate.set()
    assert service.wait(10)
    assert [field.name for field in service.store.fields(first)] == ["a.png", "b.png"]
    assert all(field.usable for field in service.store.fields(first))


def test_earlier_uploads_make_room_for_the_next(
    client: FlaskClient, service: ScreeningService
) -> None:
    screen_uploads(client, service, [png()])
    screen_uploads(client, service, [png()])
    assert len(list((service.store.home / "uploads").iterdir())) == 1


def test_full_disk_leaves_no_half_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: FileStorage, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileStorage, "save", no_room)
    with pytest.raises(StorageFullError):
        save_batch([FileStorage(io.BytesIO(b"x"), "a.png")], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_folders_made_here_are_removed(tmp_path: Path) -> None:
    (tmp_path / "0123456789abcdef").mkdir()
    (tmp_path / "family photos").mkdir()
    remove_batches(tmp_path)
    remove_batches(tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["family photos"]


@pytest.mark.parametrize(
    ("client_name", "expected"),
    [
        ("", "field"),
        ("a/b/", "field"),
        (".htaccess", "htaccess"),
        ("-rf.png", "rf.png"),
        ("a\x00b\n.png", "a_b_.png"),
        ("x" * 400 + ".jpeg", "x" * 115 + ".jpeg"),
        ("…\ud800.png", "png"),
        ("C:\\x\\img.PNG", "img.PNG"),
    ],
)
def test_client_names_become_harmless(client_name: str, expected: str) -> None:
    assert safe_name(client_name) == expected


def test_unique_name_counts_up() -> None:
    assert unique_name("a.png", []) == "a.png"
    assert unique_name("a.png", ["A.png", "a-2.png"]) == "a-3.png"
