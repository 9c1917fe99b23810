// Goes back to the page that was wanted as soon as the device answers again.
"use strict";

const unsent = document.querySelector("[data-unsent]");

const goOn = () => {
  clearInterval(asking);
  if (unsent) {
    history.back();
  } else if (location.pathname === "/offline") {
    location.replace("/");
  } else {
    location.reload();
  }
};
const ask = () => fetch("/healthz", { cache: "no-store" }).then(goOn).catch(() => {});
const asking = setInterval(ask, 3000);
addEventListener("online", ask);
