// Keeps the page's own style and scripts, and a page that says when the device does not answer.
// No page about a patient is kept: a clinic's phone is shared.
"use strict";

const KEPT = "clinicscope-1";
const OFFLINE = "/offline";
const NEEDED = [OFFLINE, "/static/style.css", "/static/offline.js", "/static/icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((cache) => cache.addAll(NEEDED))
      .then(() => self.skipWaiting()),
  );
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
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (NEEDED.includes(new URL(request.url).pathname)) {
    // The newest from the device; what was kept only where it does not answer.
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
  }
});
