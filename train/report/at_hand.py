"""What a report may show where the images are at hand: thumbnails, and lists of suspect labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, ImageError
from train.datasets.base import (
    Example,
    data_root,
    folder_of,
    list_examples,
    module_of,
    read_example,
)
from train.report.page import image_uri

THUMBNAIL_PX = 112


@dataclass(frozen=True)
class Data:
    """The folder of images, where there is one: for thumbnails and lists of suspect labels."""

    root: Path | None

    def suspects(self, dataset: str) -> frozenset[str]:
        """Names with suspect labels; empty where no list is at hand."""
        module = module_of(dataset)
        if self.root is None or not hasattr(module, "suspects"):
            return frozenset()
        found: frozenset[str] = module.suspects(folder_of(dataset, self.root))
        return found

    def examples(self, dataset: str) -> dict[str, Example]:
        """Examples by name; empty where the data set is not there."""
        if self.root is None or not folder_of(dataset, self.root).is_dir():
            return {}
        return {example.name: example for example in list_examples(dataset, self.root)}


def data_at_hand(data: Path | None) -> Data:
    """The folder that is given or that CLINICSCOPE_DATA names; none where neither is.

    Raises:
        ConfigError: the folder that was given is none.
    """
    try:
        return Data(data_root(data))
    except ConfigError:
        if data is not None:
            raise
        return Data(None)


def thumbnail(example: Example | None) -> str:
    """The image as a data address; "" where it is not at hand: figures do not rest on it."""
    if example is None:
        return ""
    try:
        return image_uri(read_example(example), THUMBNAIL_PX)
    except ImageError:
        return ""
