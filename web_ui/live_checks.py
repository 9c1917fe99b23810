"""The checks that the appliance makes itself at any moment: of its parts, and the quick ones."""

from __future__ import annotations

from edge.contract.types import RanOn
from edge.health import FAILED, OK, WARNING, Check
from edge.health.camera import check_heartbeat
from edge.health.quick import check_quick
from edge.sync.sender import check_sender
from web_ui.context import context
from web_ui.device import device
from web_ui.heartbeat import check_heart


def quick_checks() -> list[Check]:
    """Milliseconds' worth: the device, the ages of its records, and the parts of the service."""
    return [*check_quick(context().store), *part_checks()]


def part_checks() -> list[Check]:
    """The parts of the service: what decides, the camera, the sending, the heart."""
    here, heart = context(), device().heart
    state = here.service.state()
    found = [check_accelerator(state.problem, state.ran_on)]
    if state.camera is not None:
        found.append(check_heartbeat(state.camera))
    if here.sender is not None:
        found.append(check_sender(here.sender.state()))
    if heart is not None:
        found.append(check_heart(heart.state()))
    return found


def check_accelerator(problem: str, ran_on: RanOn | None) -> Check:
    """What computes now is what was preferred; it has passed its golden tensors at the start."""
    if ran_on is None:
        return Check("accelerator", FAILED, problem, "see the check of the network that decides")
    detail = f"{ran_on.runtime}/{ran_on.accelerator} computes"
    if ran_on.fallback:
        advice = "repair what was preferred, or choose another accelerator"
        return Check("accelerator", WARNING, f"{detail}; a fallback: {ran_on.fallback_why}", advice)
    return Check("accelerator", OK, detail)
