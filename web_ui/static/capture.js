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

// Who looks into the microscope does not see the phone: a field that was taken is felt, and heard.
const choice = document.querySelector("[data-sound-choice]");
const TONES_HZ = { taken: [880], refused: [330, 262] };
let audio = null;
let newest = document.querySelector(".latest-field")?.dataset.field;

const sound = (tones) => {
  tones.forEach((hz, number) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + 0.2 * number;
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0.15, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.18);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.2);
  });
};

if (choice) {
  const wanted = choice.querySelector("input");
  choice.hidden = false;
  wanted.checked = localStorage.getItem("capture-sound") === "on";
  wanted.addEventListener("change", () => {
    localStorage.setItem("capture-sound", wanted.checked ? "on" : "off");
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const field = document.querySelector(".latest-field");
    if (!field || field.dataset.field === newest) {
      return;
    }
    newest = field.dataset.field;
    // A browser lets a page sound and shake only after a tap on it.
    if (!navigator.userActivation?.hasBeenActive) {
      return;
    }
    const counts = !field.classList.contains("latest-refused");
    navigator.vibrate?.(counts ? 60 : [60, 80, 60]);
    if (wanted.checked) {
      audio ??= new AudioContext();
      sound(counts ? TONES_HZ.taken : TONES_HZ.refused);
    }
  });
}
