"""Whether an update may come onto this device: who signed it, for whom, and how old it is.

Each check is a function of its own; `admit` is all of them, in the order in which a person would
want to hear what is wrong.
"""

from __future__ import annotations

from edge.contract.errors import OtherDeviceError, UpdateError
from edge.identity import Identity
from edge.updates.floors import Floor, check_not_older
from edge.updates.signature import ANY, Envelope, check_signature
from edge.updates.trust import Trust


def admit(envelope: Envelope, kind: str, trust: Trust, device: Identity, floor: Floor) -> None:
    """Lets only what may come onto this device pass; the files are not looked at here.

    Raises:
        UpdateError: it is of another kind.
        SignatureError: nobody whom this device trusts signed it.
        OtherDeviceError: it is for other devices or sites.
        OldVersionError: it is older than what this device has had.
    """
    check_signature(envelope, trust)
    check_kind(envelope, kind)
    check_meant_for(envelope, device)
    check_not_older(envelope, floor)


def check_kind(envelope: Envelope, kind: str) -> None:
    """Raises UpdateError where an update is of another kind."""
    if envelope.kind != kind:
        raise UpdateError(f"this is a signed {envelope.kind}, not a {kind}; give the right file")


def check_meant_for(envelope: Envelope, device: Identity) -> None:
    """Raises OtherDeviceError where an update is not for this device, or not for its site."""
    if not {ANY, device.model, device.device_name} & set(envelope.devices):
        raise OtherDeviceError(
            f"{envelope} is for {', '.join(envelope.devices)}; this device is "
            f"{device.device_name}, a {device.model}"
        )
    if envelope.sites and device.site not in envelope.sites:
        site = f"at {device.site!r}" if device.site else "at no site (Settings, Clinic)"
        raise OtherDeviceError(
            f"{envelope} is for the sites {', '.join(envelope.sites)}; this device is {site}"
        )
