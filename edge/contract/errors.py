"""The error tree. Each class says when it is raised; the CLI maps it to an exit code.

A message says what is wrong, the value that was met, and what to do about it.
"""

from __future__ import annotations


class ClinicScopeError(Exception):
    """Base of every error that the program raises on purpose."""

    exit_code = 3


class ConfigError(ClinicScopeError):
    """A device config, recipe or protocol has an unknown key or a value out of range."""


class DataError(ClinicScopeError):
    """Input data cannot be used; the rest of the work goes on without it."""


class ImageError(DataError):
    """One image cannot be decoded, or may not be: truncated, enormous, not an image."""


class SourceError(DataError):
    """A source of fields or crops holds nothing that can be read."""


class BundleError(ClinicScopeError):
    """A bundle cannot be used."""


class ManifestError(BundleError):
    """A manifest is malformed: unknown key, wrong type, no positive label."""


class SchemaVersionError(BundleError):
    """A manifest was written for another version of the schema."""


class IntegrityError(BundleError):
    """A file of a bundle is missing, not listed, or its sha256 differs."""


class GoldenMismatchError(BundleError):
    """The golden tensors came out different on this runtime; the device must not screen."""


class UpdateError(ClinicScopeError):
    """An update of a bundle or of the program is refused; what was in use before goes on."""


class SignatureError(UpdateError):
    """An update carries no signature, one of a key that is not trusted, or was altered since."""


class OtherDeviceError(UpdateError):
    """An update is meant for other devices or sites."""


class OldVersionError(UpdateError):
    """An update is older than what this device has had, or is here already."""


class HardwareError(ClinicScopeError):
    """A device is absent or stopped answering."""

    exit_code = 4


class CameraError(HardwareError):
    """A camera is absent, unplugged or stalled."""


class RuntimeUnavailableError(HardwareError):
    """No runtime on this machine could open the model; carries each one's failure."""


class NotTakenError(RuntimeUnavailableError):
    """An accelerator takes none of a bundle's networks; nothing is wrong with it."""


class DeviceLostError(HardwareError):
    """An accelerator failed while it served, or gave no answer in time."""


class StoreError(ClinicScopeError):
    """A record could not be written or read."""


class StorageFullError(StoreError):
    """The disk is full; what was stored before is untouched."""


class ConflictError(StoreError):
    """Another person changed the same record meanwhile, or its state does not allow this."""


class BusyError(ClinicScopeError):
    """A specimen is being screened; the camera has one owner."""


class NotFoundError(StoreError):
    """No record has this id."""


class EndOfSourceError(DataError):
    """A finite source of fields has given its last one."""


class FrameError(ImageError):
    """One field of a source cannot be read; the next `capture` goes on with the one after it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
