// Rows that are chosen together. Every page works without this file.
"use strict";

(() => {
  const boxes = () => [...document.querySelectorAll("[data-choose]")];
  let last = null;

  // How many are chosen stands beside the bar; all that match are as many as the list says.
  function count() {
    const shown = document.querySelector("[data-chosen-count]");
    if (shown === null) return;
    const chosen = boxes().filter((box) => box.checked);
    boxes().forEach((box) => box.closest("[data-row]").classList.toggle("chosen", box.checked));
    const matching = document.querySelector("[data-choose-matching]:checked");
    const text = matching ? document.getElementById("matching").textContent.trim() : String(chosen.length);
    shown.hidden = !matching && chosen.length === 0;
    shown.querySelector(".figure").textContent = text || shown.dataset.all;
  }

  // Shift takes every row between this one and the one before.
  document.addEventListener("click", (event) => {
    if (!event.target.matches("[data-choose]")) return;
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) {
      all.slice(from, to + 1).forEach((box) => (box.checked = event.target.checked));
    }
    last = event.target;
    count();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-choose], [data-choose-all], [data-choose-matching]")) count();
  });

  // A file that is sent leaves the page where it is, and its form can be sent again.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-bulk]") && event.target.elements.action.value.startsWith("export-")) {
      setTimeout(() => delete event.target.dataset.sent);
    }
  });

  document.addEventListener("htmx:afterSwap", count);
  window.addEventListener("pageshow", count);
  count();
})();
