"""Where a specimen's fields come from: the device's camera, or a registered one for a source."""

from __future__ import annotations

from edge.cameras.base import Camera, open_camera
from edge.cameras.control import CaptureControl
from edge.cameras.specimen import SpecimenCamera
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import DataError
from edge.screening.state import SpecimenRequest
from edge.store.records import SpecimenRecord

# The device's own camera, and a registered one for each other source that a request may name.
DEVICE = "camera"
SOURCES = {"simulated": "simulated", "upload": "replay"}


def open_source(
    request: SpecimenRequest, own: SupervisedCamera | None, control: CaptureControl
) -> Camera:
    """The camera of a request.

    Args:
        request: names the source.
        own: the device's camera; None where it has none.
        control: what a person asks of it.

    Raises:
        DataError: no such source, or settings that do not fit it.
        CameraError: the camera is absent.
    """
    if request.source == DEVICE:
        return _lend(request, own, control)
    if request.source not in SOURCES:
        known = ", ".join(sorted([DEVICE, *SOURCES]))
        raise DataError(f"source is {request.source!r}; known: {known}")
    try:
        return open_camera(SOURCES[request.source], **request.settings)
    except TypeError as error:
        raise DataError(f"settings of {request.source} do not fit: {error}") from error


def _lend(
    request: SpecimenRequest, own: SupervisedCamera | None, control: CaptureControl
) -> Camera:
    if own is None:
        raise DataError("this device has no camera; name one in config.toml, under [camera]")
    if request.settings:
        raise DataError(f"settings of the camera are the device's; given {request.settings}")
    # A camera that is just starting is waited for; one that is not there is said at once.
    own.wait_until_live()
    return SpecimenCamera(own, control)


def source_name(request: SpecimenRequest, camera: Camera) -> str:
    """The source as it is recorded."""
    return f"{DEVICE}:{camera.name}" if request.source == DEVICE else request.source


def request_again(record: SpecimenRecord, own: SupervisedCamera | None) -> SpecimenRequest:
    """The request that goes on with a recorded specimen.

    Raises:
        DataError: it was read with another camera than this device has now.
    """
    kind, _, name = record.source.partition(":")
    if kind != DEVICE:
        return SpecimenRequest(record.label, record.source, record.source_settings)
    if own is None or own.name != name:
        raise DataError(
            f"it was read with camera {name}, this device has {own.name if own else 'none'} now; "
            "screen the slide again"
        )
    return SpecimenRequest(record.label, DEVICE)
