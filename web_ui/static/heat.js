// The slider of a heat map: how much of it lies over the picture. Without this it lies there at 60 %.
"use strict";

for (const view of document.querySelectorAll("[data-heat]")) {
  const layer = view.querySelector(".heat-layer");
  const slider = view.querySelector("input[type=range]");
  if (layer && slider) {
    const show = () => layer.setAttribute("opacity", String(Number(slider.value) / 100));
    slider.closest("label").hidden = false;
    slider.addEventListener("input", show);
    show();
  }
}
