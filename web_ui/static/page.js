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
    form.querySelector("button[type=submit]").setAttribute("aria-busy", "true");
  });
}
// Back from the next page, the form may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    form.querySelector("button[type=submit]").removeAttribute("aria-busy");
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

// Numbers that stand still must say so.
const offline = document.getElementById("offline");
if (offline) {
  document.body.addEventListener("htmx:afterRequest", (event) => {
    offline.hidden = Boolean(event.detail.successful);
  });
}
