"""A page by keyboard alone: everything that acts is reached, and is seen to be reached."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

# Each thing that the Tab key has to reach. Of the radio buttons of one name it reaches one.
_ALL = """
() => {
  const acts = "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]),"
    + " select:not([disabled]), textarea:not([disabled]), summary, [tabindex='0']";
  const radios = new Set();
  let number = 0;
  const found = [];
  for (const one of document.querySelectorAll(acts)) {
    if (!one.checkVisibility({ visibilityProperty: true }) || one.tabIndex < 0) continue;
    if (one.closest("[inert]")) continue;
    if (one.type === "radio") {
      const key = (one.form?.id ?? "") + one.name;
      if (radios.has(key)) continue;
      radios.add(key);
    }
    one.dataset.reach = String(++number);
    const words = (one.getAttribute("aria-label") || one.textContent || one.id || "").trim();
    found.push(`${number}: ${one.tagName.toLowerCase()} "${words.slice(0, 40)}"`);
  }
  return found;
}
"""

# Of the focused element: its number, and whether a mark around it or around its label is seen.
_FOCUSED = """
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return { number: 0, marked: true, name: "body" };
  const marks = (node) => {
    const style = getComputedStyle(node);
    const width = parseFloat(style.outlineWidth);
    return style.outlineStyle === "auto" || (style.outlineStyle !== "none" && width >= 2);
  };
  let number = Number(one.dataset.reach ?? -1);
  if (one.type === "radio" && number < 0) {
    const same = (other) => other.name === one.name && other.form === one.form;
    const first = Array.from(document.querySelectorAll("input[type=radio][data-reach]")).find(same);
    number = Number(first?.dataset.reach ?? -1);
  }
  const around = [one, one.closest("label"), ...(one.labels ?? [])].filter(Boolean);
  const name = one.tagName.toLowerCase() + (one.id ? "#" + one.id : "");
  return { number, marked: around.some(marks), name };
}
"""


@dataclass(frozen=True)
class Reached:
    """What the Tab key did.

    Attributes:
        missed: what acts and was not reached.
        unmarked: what was reached without being marked.
    """

    missed: tuple[str, ...]
    unmarked: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """In words."""
        return [f"Tab misses {one}" for one in self.missed] + [
            f"no mark on the focused {one}" for one in self.unmarked
        ]


def tab_through(page: Page, most: int = 400) -> Reached:
    """Presses Tab from the start of a page until it is through."""
    things: list[str] = page.evaluate(_ALL)
    page.evaluate("document.activeElement?.blur(); getSelection().removeAllRanges()")
    reached, unmarked = set[int](), dict[str, None]()
    # Where the page put the cursor into an entry, the first ones come after the last.
    for _ in range(min(2 * len(things) + 6, most)):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if not focused["marked"]:
            unmarked[focused["name"]] = None
        reached.add(focused["number"])
        if reached.issuperset(range(1, len(things) + 1)):
            break
    numbers = range(1, len(things) + 1)
    missed = tuple(things[number - 1] for number in numbers if number not in reached)
    return Reached(missed, tuple(unmarked))


def reach(page: Page, target: Locator, most: int = 150) -> None:
    """Presses Tab until a target has the focus; it must be marked then.

    Raises:
        AssertionError: it is not reached, or nothing shows that it is.
    """
    target.wait_for(state="attached")
    for _ in range(most):
        if target.evaluate("one => one === document.activeElement"):
            assert page.evaluate(_FOCUSED)["marked"], f"no mark on the focused {target}"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{most} presses of Tab do not reach {target}")
