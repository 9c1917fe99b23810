// Small comforts; every page works without them.
"use strict";

// Times in the browser's own zone: a device without internet often has a wrong one.
for (const item of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(item.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    item.title = item.textContent;
    item.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
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

// A key does what the button that bears it does, except while someone writes.
document.addEventListener("keydown", (event) => {
  const writing = event.target.matches?.("input, select, textarea");
  if (event.ctrlKey || event.altKey || event.metaKey || (writing && event.target.type !== "radio")) {
    return;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
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
    offline.hidden = Boolean(event.detail.successful);
  });
}
