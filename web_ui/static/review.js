// A swipe answers: to the right as the device says, to the left not infected.
"use strict";

const FAR_PX = 80;

let start = null;
const scopeOf = (event) => event.target.closest?.("[data-swipe]");

document.addEventListener("pointerdown", (event) => {
  start = scopeOf(event) && event.pointerType === "touch" ? { x: event.clientX, y: event.clientY } : null;
});

document.addEventListener("pointerup", (event) => {
  const along = start ? event.clientX - start.x : 0;
  const across = start ? Math.abs(event.clientY - start.y) : 0;
  start = null;
  if (Math.abs(along) < FAR_PX || across > Math.abs(along) / 2) {
    return;
  }
  const wanted = along > 0 ? ".is-device" : "button[value='uninfected']";
  document.querySelector(`#review .answers ${wanted}`)?.click();
});

document.addEventListener("pointercancel", () => {
  start = null;
});
