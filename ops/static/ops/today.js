// A part of a page that keeps itself current, and says so when it cannot. Every page works without this file.
"use strict";

const ACTIVE = 10_000; // how often while somebody is at work, in milliseconds; what is counted moves no oftener
const IDLE = 30_000;
const AT_WORK = 60_000; // after the last mouse or key

let worked = Date.now();
let loaded = Date.now();
let asked = Date.now();

for (const kind of ["pointermove", "keydown", "pointerdown"]) {
  document.addEventListener(kind, () => (worked = Date.now()), { passive: true });
}

// What somebody reads or has selected is not taken away under the eyes.
const isHeld = (part) => part.contains(document.activeElement) || (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));

function put(part, made) {
  const before = new Map([...part.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell.textContent]));
  for (const cell of made.querySelectorAll("[data-cell]")) {
    const was = before.get(cell.dataset.cell);
    if (was !== undefined && was !== cell.textContent) cell.classList.add("changed");
  }
  part.replaceWith(made);
}

function putAll(text) {
  for (const made of [...document.createRange().createContextualFragment(text).querySelectorAll("[data-part]")]) {
    const part = document.querySelector(`[data-part="${made.dataset.part}"]`);
    if (part !== null && !isHeld(part)) put(part, made);
  }
}

async function load(part) {
  const answer = await fetch(`${part.dataset.refresh}?digest=${part.dataset.digest}`, { credentials: "same-origin" });
  const time = answer.headers.get("X-As-Of");
  if (!answer.ok || time === null) return; // an error, or the page to log in
  if (answer.status !== 204) putAll(await answer.text());
  document.querySelectorAll("[data-as-of-time]").forEach((each) => (each.textContent = time));
  loaded = Date.now();
}

// Amber at twice the interval, red at five times; what one can do is not touched.
function mark() {
  const late = Date.now() - loaded;
  document.querySelectorAll("[data-as-of]").forEach((each) => {
    each.classList.toggle("amber", late > 2 * IDLE && late <= 5 * IDLE);
    each.classList.toggle("red", late > 5 * IDLE);
  });
  document.querySelectorAll("[data-live-broken]").forEach((each) => (each.hidden = late <= 2 * IDLE));
}

async function turn() {
  const part = document.querySelector("[data-refresh]");
  if (part === null || document.hidden) return;
  const every = Date.now() - worked < AT_WORK ? ACTIVE : IDLE;
  if (Date.now() - asked >= every) {
    asked = Date.now();
    await load(part).catch(() => {}); // the page says it when it lasts
  }
  mark();
}
setInterval(turn, 1_000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  asked = 0;
  turn();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button === null) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  document.getElementById("status").textContent = button.dataset.done;
});
