"""What a page costs the network: bytes as they came over the wire, headers included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

# Of a page that a phone opens first, its pictures with it, and of each one after it without those
# that it has to show anew.
FIRST_LOAD_BYTES, NEXT_LOAD_BYTES = 150_000, 30_000


@dataclass
class Weight:
    """Bytes of what was loaded, by path.

    Attributes:
        pictures: paths of images.
    """

    loaded: dict[str, int] = field(default_factory=dict)
    pictures: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        """All together."""
        return sum(self.loaded.values())

    @property
    def without_pictures(self) -> int:
        """What the page itself costs: document, styles, scripts, icons of the style."""
        return sum(size for path, size in self.loaded.items() if path not in self.pictures)

    def heaviest(self, count: int = 6) -> str:
        """The largest parts, for a message."""
        most = sorted(self.loaded.items(), key=lambda part: -part[1])[:count]
        return ", ".join(f"{path} {size:,}" for path, size in most)


@contextmanager
def weighed(page: Page) -> Iterator[Weight]:
    """Weighs what a page loads until the block ends; a stream that has not ended weighs nothing."""
    session = page.context.new_cdp_session(page)
    weight, paths = Weight(), dict[str, str]()

    def asked(event: dict[str, Any]) -> None:
        paths[event["requestId"]] = path = urlsplit(event["request"]["url"]).path
        if event.get("type") == "Image":
            weight.pictures.add(path)

    def ended(event: dict[str, Any]) -> None:
        path = paths.get(event["requestId"])
        if path is not None:  # Else the page before had asked for it.
            size = round(event["encodedDataLength"])
            weight.loaded[path] = weight.loaded.get(path, 0) + size

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", ended)
    session.send("Network.enable")
    try:
        yield weight
    finally:
        session.detach()
