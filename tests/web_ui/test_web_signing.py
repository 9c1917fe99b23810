"""Signatures and amendments on the page."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

from flask.testing import FlaskClient
from record_samples import judge_all, screen, send
from web_samples import ScriptedScreener, field_png, screen_uploads, submit, token, value_of

from edge.contract.errors import HardwareError
from edge.screening.service import ScreeningService
from edge.store.records import AMENDED, FAILED, FINAL, PRELIMINARY
from edge.store.results import Results

HOSTILE = "<script>alert(1)</script>"


def verdict(service: ScreeningService, specimen_id: str) -> tuple[str | None, str]:
    record = service.store.specimen(specimen_id)
    return record.verdict, record.result_status


def test_reviewed_positive_is_signed_and_shown(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "result-status") == PRELIMINARY
    assert "Preliminary" in client.get("/specimens").text
    judge_all(client, service, specimen_id, "ring")
    signed = send(client, specimen_id, "sign")
    assert signed.status_code == 303
    assert verdict(service, specimen_id) == ("positive", FINAL)
    page = client.get(f"/specimens/{specimen_id}").text
    assert value_of(page, "result-status") == FINAL
    assert "Final, signed by <strong>A. Reader</strong>" in page
    assert "Malaria parasites seen" in page and page.count('data-testid="version"') == 2
    assert "Final" in client.get("/specimens").text and "Final" in client.get("/").text


def test_positive_of_the_machine_alone_is_not_signed(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    page = client.get(f"/specimens/{specimen_id}/sign").text
    assert "No person has seen a parasite" in page and "Sign as final" not in page
    data = {"csrf_token": token(client), "version": "1"}
    assert client.post(f"/specimens/{specimen_id}/sign", data=data).status_code == 409
    assert verdict(service, specimen_id) == ("positive", PRELIMINARY)


def test_negative_needs_every_suspect_cell_judged(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.positive = 0
    screener.give_second_opinion()
    screener.refused = 0
    specimen_id = screen(client, service, 4)
    assert service.store.suspect_cells(specimen_id)
    page = client.get(f"/specimens/{specimen_id}/sign").text
    assert value_of(page, "to-sign") == "inconclusive"
    judge_all(client, service, specimen_id)
    assert value_of(client.get(f"/specimens/{specimen_id}/sign").text, "to-sign") == "negative"
    assert send(client, specimen_id, "sign").status_code == 303
    assert verdict(service, specimen_id) == ("negative", FINAL)


def test_failed_specimen_is_never_signed_as_negative(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.failure = HardwareError("the accelerator is gone")
    submit(client, images=[(io.BytesIO(field_png()), "a.png")])
    assert service.wait(10)
    (record,) = service.store.specimens()
    assert record.status == FAILED
    # A complete count without a parasite would be negative, had the slide been read.
    send(client, record.specimen_id, "tally", smear="thick", parasites="0", wbc_counted="500")
    page = client.get(f"/specimens/{record.specimen_id}/sign").text
    assert value_of(page, "to-sign") == "inconclusive"
    assert send(client, record.specimen_id, "sign").status_code == 303
    assert verdict(service, record.specimen_id) == ("inconclusive", FINAL)
    amended = send(client, record.specimen_id, "amend", verdict="negative", reason="I know better")
    assert amended.status_code == 409
    assert verdict(service, record.specimen_id) == ("inconclusive", FINAL)


def test_refused_specimen_is_never_signed_as_negative(
    client: FlaskClient, service: ScreeningService
) -> None:
    files = [(io.BytesIO(field_png(20)), f"dark-{number}.png") for number in range(3)]
    specimen_id = screen_uploads(client, service, files)
    assert verdict(service, specimen_id) == ("refused", PRELIMINARY)
    send(client, specimen_id, "tally", smear="thick", parasites="0", wbc_counted="500")
    page = client.get(f"/specimens/{specimen_id}/sign").text
    assert value_of(page, "to-sign") in ("inconclusive", "refused")
    assert send(client, specimen_id, "sign").status_code == 303
    assert verdict(service, specimen_id)[0] != "negative"


def test_running_specimen_is_not_signed(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    screener.gate = threading.Event()
    specimen_id = submit(client, images=[(io.BytesIO(field_png()), "a.png")]).location[-22:]
    page = client.get(f"/specimens/{specimen_id}/sign").text
    assert "cannot be signed yet" in page
    assert send(client, specimen_id, "sign", version="1").status_code == 409
    assert client.get(f"/specimens/{specimen_id}/report.pdf").status_code == 409
    assert client.get(f"/specimens/{specimen_id}/review").status_code == 200
    screener.gate.set()
    assert service.wait(10)


def test_second_signature_is_refused(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    ana, ben = client_as("reviewer", "Ana"), client_as("reviewer", "Ben")
    specimen_id = screen(client, service)
    judge_all(client, service, specimen_id, "ring")
    version = service.store.specimen(specimen_id).version
    assert send(ana, specimen_id, "sign").status_code == 303
    twice = send(ben, specimen_id, "sign", version=version)
    assert twice.status_code == 409 and "signed already" in twice.text
    assert [result.by for result in Results(service.store).history(specimen_id)][1:] == ["Ana"]
    assert "Ana" in client.get(f"/specimens/{specimen_id}/sign").text


def test_signature_under_what_was_not_shown_is_refused(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    judge_all(client, service, specimen_id, "ring")
    version = service.store.specimen(specimen_id).version
    send(client, specimen_id, "tally", smear="thick", parasites="5", wbc_counted="500")
    late = send(client, specimen_id, "sign", version=version)
    assert late.status_code == 409 and "changed by someone else" in late.text
    assert verdict(service, specimen_id)[1] == PRELIMINARY
    data = {"csrf_token": token(client)}
    assert client.post(f"/specimens/{specimen_id}/sign", data=data).status_code == 409


def test_amendment_has_a_reason_and_keeps_the_history(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    early = send(client, specimen_id, "amend", verdict="inconclusive", reason="x", version="1")
    assert early.status_code == 409 and "not signed yet" in early.text
    judge_all(client, service, specimen_id, "ring")
    send(client, specimen_id, "sign")
    for form in ({"reason": ""}, {"reason": " \n "}, {"verdict": HOSTILE}, {"reason": "y" * 2001}):
        wrong = send(client, specimen_id, "amend", **({"verdict": "refused", "reason": "x"} | form))
        assert wrong.status_code == 422 and "<script>alert" not in wrong.text
    no = send(client, specimen_id, "amend", verdict="negative", reason="a slip")
    assert no.status_code == 409 and "screen the slide again" in no.text
    reason = f"Another patient's slide.\n{HOSTILE}"
    done = send(client, specimen_id, "amend", verdict="inconclusive", reason=reason)
    assert done.status_code == 303
    assert verdict(service, specimen_id) == ("inconclusive", AMENDED)
    states = [result.status for result in Results(service.store).history(specimen_id)]
    assert states == [PRELIMINARY, FINAL, AMENDED]
    page = client.get(f"/specimens/{specimen_id}").text
    assert "<script>alert" not in page and "Another patient&#39;s slide." in page
    assert value_of(page, "verdict") == "inconclusive" and page.count('data-testid="version"') == 3
    assert "Amended" in client.get("/specimens").text
