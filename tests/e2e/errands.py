"""What a person does once before some pages are there: sends pictures, exports, starts a slide."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import FilePayload, Page

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image
from edge.contract.labels import RING, UNINFECTED
from tests.support.drawn_radiographs import chest_png


def send_xray(page: Page, address: str) -> str:
    """A drawn chest X-ray as a specimen; its id."""
    page.goto(f"{address}/xrays/new")
    page.get_by_label("Mark of the X-ray").fill("X-0031")
    page.locator("input[type=file]").set_input_files(_file("chest.png", chest_png(opacity=60)))
    page.get_by_role("button", name="Read the X-ray").click()
    page.wait_for_url("**/specimens/*")
    return _last(page)


def send_cell(page: Page, address: str) -> str:
    """One drawn cell; the id of its batch."""
    _send(page, address, [_cell(RING, 4)])
    page.wait_for_url("**/image/*/0")
    return page.url.split("/")[-2]


def send_batch(page: Page, address: str) -> str:
    """Several drawn cells and a file that is none; the id of their batch."""
    cells = [_cell((RING, UNINFECTED)[seed % 2], seed) for seed in range(5)]
    _send(page, address, [*cells, _file("notes.png", b"no picture at all")])
    page.wait_for_url("**/image/*")
    page.get_by_test_id("done").wait_for()
    return _last(page)


def export_month(page: Page, address: str) -> str:
    """An export that is done; nothing more is needed to see it."""
    page.goto(f"{address}/records")
    page.get_by_label("A month").fill(page.evaluate("new Date().toISOString().slice(0, 7)"))
    page.locator("#export-plain").check()
    page.get_by_role("button", name="Export").click()
    page.wait_for_url("**/records/job")
    page.get_by_test_id("done").wait_for(timeout=60_000)
    return ""


def check_health(page: Page, address: str) -> str:
    """The checks are made; nothing more is needed to see them."""
    page.goto(f"{address}/health")
    page.get_by_test_id("check").first.wait_for(timeout=60_000)
    page.locator("[data-testid=checks]:not([data-value=running])").wait_for(timeout=60_000)
    return ""


def start_slide(page: Page, address: str) -> str:
    """A specimen of the device's camera that is paused after a few fields; its id."""
    page.goto(f"{address}/specimens/new")
    page.get_by_label("Label of the slide").fill("S-0143")
    page.get_by_role("button", name="Start screening").click()
    page.wait_for_selector("[data-testid=rbc-count]:not([data-value='0'])", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").wait_for()
    return _last(page)


ERRANDS: dict[str, Callable[[Page, str], str]] = {
    "xray": send_xray,
    "cell": send_cell,
    "batch": send_batch,
    "export": export_month,
    "checked": check_health,
    "running": start_slide,
}


def run_errands(path: str, page: Page, address: str, ids: dict[str, str]) -> None:
    """Those that a path needs and nobody has run."""
    for name, errand in ERRANDS.items():
        if f"{{{name}}}" in path and name not in ids:
            ids[name] = errand(page, address)


def _send(page: Page, address: str, files: list[FilePayload]) -> None:
    page.goto(f"{address}/image")
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name="Read", exact=True).click()


def _cell(label: str, seed: int) -> FilePayload:
    image, _ = draw_cell(label, seed, 128)
    return _file(f"{label}-{seed}.png", encode_image(image))


def _file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def _last(page: Page) -> str:
    return page.url.rpartition("/")[2]
