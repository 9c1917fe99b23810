// Keeps the page's own style and scripts, and a page that says when the device does not answer.
// No page about a patient is kept: a clinic's phone is shared.
"use strict";

const KEPT = "clinicscope-2";
const OFFLINE = "/offline";
// The same, where something was being sent.
const UNSENT = "/offline?unsent=1";
const NEEDED = [OFFLINE, UNSENT, "/static/style.css", "/static/offline.js", "/static/icon.svg"];
// After these the kept pages are drawn anew: they are in the language and the theme of the others.
const REDRAWN_BY = ["/language", "/theme"];

const keep = () => caches.open(KEPT).then((cache) => cache.addAll(NEEDED));

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  const sent = request.method !== "GET";
  if (request.mode === "navigate" || (sent && REDRAWN_BY.includes(path))) {
    const answer = fetch(request);
    event.respondWith(answer.catch(() => caches.match(sent ? UNSENT : OFFLINE)));
    if (sent && REDRAWN_BY.includes(path)) {
      event.waitUntil(answer.then(keep).catch(() => {}));
    }
  } else if (NEEDED.includes(path)) {
    // The newest from the device; what was kept only where it does not answer.
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
  }
});
