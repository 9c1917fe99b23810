// Locks the screen while nobody taps, and keeps it open for who writes a long form.
"use strict";

const guarded = document.querySelector("[data-lock-after]");
if (guarded) {
  const patience = Number(guarded.dataset.lockAfter) * 1000;
  const A_MINUTE = 60_000;
  let tapped = Date.now();
  let told = Date.now();
  const look = () => {
    if (Date.now() - tapped > patience) {
      const here = location.pathname + location.search;
      location.assign(`${guarded.dataset.lockAddress}?next=${encodeURIComponent(here)}`);
    } else if (tapped > told && Date.now() - told > A_MINUTE) {
      told = Date.now();
      fetch(guarded.dataset.awakeAddress, { method: "HEAD", redirect: "manual" }).catch(() => {});
    }
  };
  for (const kind of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(kind, () => (tapped = Date.now()), { passive: true, capture: true });
  }
  setInterval(look, 5_000);
  // A phone that was asleep shows nothing of what it showed before.
  document.addEventListener("visibilitychange", look);
}
