// Goes back to the page that was wanted as soon as the device answers again.
"use strict";

setInterval(() => {
  fetch("/healthz", { cache: "no-store" })
    .then(() => location.reload())
    .catch(() => {});
}, 3000);
