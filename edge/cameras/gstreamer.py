"""Which elements GStreamer has; asked of its own library, as OpenCV hangs where one is missing."""

from __future__ import annotations

import ctypes
import re

from edge.contract.errors import CameraError

_LIBRARY = "libgstreamer-1.0.so.0"


def elements_of(pipeline: str) -> list[str]:
    """The elements of a pipeline's text, without its caps."""
    words = (part.split()[0] for part in pipeline.split("!"))
    return [word for word in words if re.fullmatch(r"[a-z][a-z0-9]*", word)]


def missing_elements(pipeline: str) -> list[str]:
    """Those of a pipeline's elements that GStreamer does not have.

    Raises:
        CameraError: there is no GStreamer.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise CameraError(f"GStreamer cannot be loaded ({error}); install it") from error
    library.gst_element_factory_find.restype = ctypes.c_void_p
    library.gst_element_factory_find.argtypes = [ctypes.c_char_p]
    library.gst_init(None, None)
    return [
        name
        for name in elements_of(pipeline)
        if not library.gst_element_factory_find(name.encode())
    ]
