// Small comforts; every page works without them.
"use strict";

// Times in the browser's own zone: a device without internet often has a wrong one.
const language = document.documentElement.lang;
const place = { en: "en-GB", pt: "pt-PT" }[language] ?? language;
const clock = new Intl.DateTimeFormat(`${place}-u-nu-latn`, {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
for (const item of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(item.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    item.title = item.textContent;
    item.textContent = clock.format(moment);
  }
}

// A form is sent once, and not at all where the device would refuse its size anyway.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    const files = form.querySelector("input[type=file]");
    const limit = Number(form.dataset.maxBytes);
    const size = Array.from(files?.files ?? []).reduce((sum, file) => sum + file.size, 0);
    const tooLarge = Boolean(limit) && size > limit;
    form.querySelector("[data-too-large]")?.toggleAttribute("hidden", !tooLarge);
    if (tooLarge || form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.querySelector("button[type=submit]")?.setAttribute("aria-busy", "true");
  });
}
// Back from the next page, the form may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    form.querySelector("button[type=submit]")?.removeAttribute("aria-busy");
  }
});

// Of heat map and sharper view one lies over the other, so one switches the other off.
for (const cell of document.querySelectorAll(".cell")) {
  cell.addEventListener("change", (event) => {
    for (const other of cell.querySelectorAll("input:checked")) {
      other.checked = other === event.target;
    }
  });
}

// A key does what the button that bears it does, except while someone writes. A foot pedal is a key.
document.addEventListener("keydown", (event) => {
  const writing = event.target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");
  const pressed = event.key === " " ? "Space" : event.key;
  // The browser presses what has the focus by itself.
  const natively = { Enter: "button, a, summary", Space: "button, a, summary, input" }[pressed];
  const held = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
  if (writing || held || (natively && event.target.closest?.(natively))) {
    return;
  }
  const button = document.querySelector(`[data-key~="${CSS.escape(pressed)}"]:not([disabled])`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});

// The counter. What was counted is kept on this phone until it is stored on the device.
for (const form of document.querySelectorAll("form[data-tally]")) {
  const key = `tally-${form.dataset.tally}`;
  const inputs = Array.from(form.querySelectorAll("[data-count]"));
  const keep = () => {
    const values = Object.fromEntries(inputs.map((input) => [input.id, input.value]));
    localStorage.setItem(key, JSON.stringify(values));
    form.dispatchEvent(new Event("counted", { bubbles: true }));
  };
  if ("stored" in form.dataset) {
    localStorage.removeItem(key);
  } else if (!("given" in form.dataset)) {
    const kept = JSON.parse(localStorage.getItem(key) ?? "{}");
    for (const input of inputs) {
      input.value = kept[input.id] ?? input.value;
    }
    window.addEventListener("load", () => form.dispatchEvent(new Event("counted", { bubbles: true })));
  }
  form.addEventListener("input", keep);
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add]");
    if (button) {
      const input = form.querySelector(`#${button.dataset.for}`);
      input.value = Math.max(0, (Number.parseInt(input.value, 10) || 0) + Number(button.dataset.add));
      keep();
    }
    if (event.target.closest("[data-clear]")) {
      for (const input of inputs) {
        input.value = input.defaultValue === "" ? "" : "0";
      }
      keep();
    }
  });
}

// Numbers that stand still must say so.
const offline = document.getElementById("offline");
if (offline) {
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const code = event.detail.xhr?.status ?? 0;
    offline.hidden = code !== 0 && code < 500;
  });
}

// A menu closes by a tap beside it, and by Escape.
for (const menu of document.querySelectorAll("details[data-menu]")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) {
      menu.open = false;
    }
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// Light or dark at once; the device keeps the choice.
for (const form of document.querySelectorAll("form[data-themes]")) {
  form.addEventListener("submit", (event) => {
    const choice = event.submitter;
    if (!choice) {
      return;
    }
    event.preventDefault();
    const sent = new FormData(form);
    sent.set("theme", choice.value);
    fetch(form.action, { method: "POST", body: sent, redirect: "manual" });
    if (choice.value === "phone") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = choice.value;
    }
    for (const button of form.querySelectorAll("[aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button === choice));
    }
  });
}

// Paper, where there is a printer.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// An app on the phone, with a page of its own for when the device is out of reach. A browser that
// does not trust the device's certificate has none.
navigator.serviceWorker?.register("/sw.js").catch(() => {});

// The device's clock beside the phone's; after a power cut offline it may be years behind.
for (const banner of document.querySelectorAll("[data-clock]")) {
  banner.hidden = Math.abs(Date.now() - Date.parse(banner.dataset.clock)) < 120_000;
}

// A suggestion goes into its field by a tap.
for (const link of document.querySelectorAll("a[data-fill]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.dataset.fill).value = link.dataset.value;
  });
}
