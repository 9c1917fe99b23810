// The phone's time beside the device's: says whether they agree, and goes along with the form.
for (const part of document.querySelectorAll("[data-clock]")) {
  const behind = (Date.now() - Date.parse(part.dataset.deviceUtc)) / 1000;
  const differs = Math.abs(behind) >= Number(part.dataset.closeS);
  const choice = part.querySelector("[data-clock-differs]");
  choice.hidden = !differs;
  choice.querySelector("input").checked = differs;
  part.querySelector("[data-clock-agrees]").hidden = differs;
  part.closest("form").addEventListener("submit", () => {
    part.querySelector("[data-clock-phone]").value = new Date().toISOString();
  });
}
