"""axe-core on a page: what keeps a person who sees or moves little from using it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}
# What a theme can break; the structure of a page is the same in both.
OF_THEMES = ["color-contrast", "link-in-text-block"]
# Fewer rules than these apply to no page of ours: axe would not have looked.
_APPLIES_AT_LEAST = 12
_axe = Axe()


def grave(page: Page, rules: list[str] | None = None) -> list[str]:
    """Serious and critical violations, each with the first elements that have it.

    Args:
        page: as it is shown now.
        rules: these alone; None for all that axe runs by itself.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = _axe.run(page, options=options).response
    ran = len(found["passes"]) + len(found["violations"])
    assert ran >= (1 if rules else _APPLIES_AT_LEAST), f"axe looked at {ran} rules only"
    return [
        f"{one['id']} ({one['impact']}): " + "; ".join(map(_place, one["nodes"][:3]))
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


def _place(node: dict[str, Any]) -> str:
    data = next((check["data"] for check in node["any"] if check.get("data")), None)
    ratio = f" {data.get('contrastRatio')}" if isinstance(data, dict) else ""
    return f"{node['target'][0]}{ratio}"
