// The camera's picture as it moves; where that cannot be had, one still after the other.
"use strict";

const RENEW_MS = 25_000;
const STILL_MS = 250;
const LOST_MS = 1500;

for (const picture of document.querySelectorAll("img[data-stream]")) {
  let moving = false;
  let next;
  const later = (act, ms) => {
    clearTimeout(next);
    next = setTimeout(act, ms);
  };
  const show = (address) => {
    picture.src = `${address}?at=${Date.now()}`;
  };
  const move = () => {
    moving = true;
    show(picture.dataset.stream);
    // The device ends a stream after half a minute.
    later(move, RENEW_MS);
  };
  const still = () => {
    moving = false;
    show(picture.dataset.still);
  };
  picture.addEventListener("load", () => {
    if (!moving) {
      later(document.hidden ? () => {} : still, STILL_MS);
    }
  });
  picture.addEventListener("error", () => later(still, moving ? 0 : LOST_MS));
  // A page that nobody looks at asks for nothing.
  document.addEventListener("visibilitychange", () => (document.hidden ? later(still, 0) : move()));
  move();
  setInterval(() => moving || document.hidden || move(), 30_000);
}

// After a tap a button must not keep the focus: the foot pedal would press it again.
document.querySelector(".controls")?.addEventListener("click", (event) => {
  if (event.detail > 0) {
    event.target.closest("button")?.blur();
  }
});
