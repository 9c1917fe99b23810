// Waits until the service has gone and answers again, then goes on.
const waiting = document.querySelector("[data-restarting]");
if (waiting) {
  const began = Date.now();
  let gone = false;
  const look = async () => {
    try {
      await fetch(waiting.dataset.health, { cache: "no-store" });
      // A restart quicker than a look is seen by nobody; after a while it must have been.
      if (gone || Date.now() - began > 15000) {
        window.location.assign(waiting.dataset.next);
        return;
      }
    } catch {
      gone = true;
    }
    setTimeout(look, 400);
  };
  setTimeout(look, 400);
}
