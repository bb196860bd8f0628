// The bell asks whether it should ring: often while somebody works here, seldom when not, never in a hidden tab.
"use strict";

const BUSY = 15_000;
const IDLE = 60_000;
let lastTouch = Date.now();
let lastAsked = Date.now();
let over = false;

for (const kind of ["keydown", "pointerdown"]) {
  document.addEventListener(kind, () => (lastTouch = Date.now()), { passive: true });
}

async function ask() {
  const bell = document.querySelector("[data-bell]");
  if (bell === null || over || document.hidden) return;
  if (Date.now() - lastAsked < (Date.now() - lastTouch < IDLE ? BUSY : IDLE)) return;
  lastAsked = Date.now();
  let answer;
  try {
    answer = await fetch(`${bell.dataset.bell}?seen=${encodeURIComponent(bell.dataset.seen)}`);
  } catch {
    return; // the next time will do
  }
  over = answer.redirected; // the session has ended
  if (over || answer.status !== 200) return;
  const before = parseInt(bell.dataset.seen, 10);
  const made = document.createElement("template");
  made.innerHTML = await answer.text();
  const now = made.content.firstElementChild;
  const focused = document.activeElement === bell;
  bell.replaceWith(now);
  if (focused) now.focus();
  const said = now.querySelector("[data-said]");
  if (said !== null && parseInt(now.dataset.seen, 10) > before) {
    document.getElementById("status").textContent = said.textContent;
  }
}
setInterval(ask, 1_000);
document.addEventListener("visibilitychange", ask);
