"""The pictures of the user guide and the README, cut from those of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

SUFFIX = ".webp"
_QUALITY = 80


@dataclass(frozen=True)
class GuidePicture:
    """A picture of the guide.

    Attributes:
        name: of the file below docs/pictures, without its suffix.
        taken: name of the page's picture, as `screenshots` writes it, without its suffix.
        height_px: what is kept of it, from the top.
        top_px: where that begins.
    """

    name: str
    taken: str
    height_px: int = 740
    top_px: int = 0


PICTURES = (
    GuidePicture("result", "result-positive-desktop-light", 1000),
    GuidePicture("running-phone", "running-phone-light"),
    GuidePicture("review-phone-dark", "review-phone-dark"),
    GuidePicture("today-phone-arabic", "today-phone-arabic-light"),
    GuidePicture("first-run-place", "first-run-place-phone-light"),
    GuidePicture("first-run-account", "first-run-account-phone-light"),
    GuidePicture("first-run-checks", "first-run-checks-phone-light"),
    GuidePicture("login", "login-phone-light"),
    GuidePicture("today", "today-phone-light"),
    GuidePicture("new", "new-phone-light"),
    GuidePicture("review", "review-phone-light"),
    GuidePicture("count", "count-phone-light"),
    GuidePicture("sign", "sign-phone-light"),
    GuidePicture("result-refused", "result-refused-phone-light"),
    GuidePicture("history", "history-phone-light"),
    GuidePicture("figures", "figures-desktop-light", 900),
    GuidePicture("records", "records-desktop-light", 800),
    GuidePicture("xray", "result-xray-desktop-light", 900),
    GuidePicture("image", "image-one-phone-light"),
    GuidePicture("settings", "settings-phone-light"),
    GuidePicture("health", "health-phone-light"),
    GuidePicture("certificate", "certificate-phone-light"),
    GuidePicture("offline", "offline-phone-light"),
)


def write_guide_pictures(taken: Path, folder: Path) -> None:
    """Writes each of PICTURES that has been taken."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        with Image.open(taken / f"{picture.taken}.png") as opened:
            bottom = min(opened.height, picture.top_px + picture.height_px)
            cut = opened.convert("RGB").crop((0, picture.top_px, opened.width, bottom))
        cut.save(folder / f"{picture.name}{SUFFIX}", quality=_QUALITY, method=6)
