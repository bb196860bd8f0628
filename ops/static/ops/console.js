// The keyboard, the countdown and the small comforts. Every page works without this file.
"use strict";

const root = document.documentElement;
root.classList.add("scripted");

const typing = (target) =>
  target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;

// The zone of this machine, for whoever wants to see times in it.
document.cookie = `local_zone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)}; path=/; max-age=31536000; samesite=lax`;

// Rows: focus moves over each row's own link, so that Enter is the browser's.
const rows = () => [...document.querySelectorAll("[data-row-link]")];

function step(by) {
  const links = rows();
  if (links.length === 0) return;
  const here = links.findIndex((link) => link === document.activeElement || link.hasAttribute("aria-current"));
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + by));
  links[next].focus({ preventScroll: true });
  links[next].scrollIntoView({ block: "nearest", inline: "nearest" });
  if (links[next].hasAttribute("data-follow")) links[next].click();
}

function press(selector) {
  const found = document.querySelector(selector);
  if (found === null) return false;
  const fold = found.closest("details");
  if (fold !== null) fold.open = true;
  if (found.matches("input, textarea, select")) found.focus();
  else found.click();
  return true;
}

// What a key of the screen needs in order to do anything: the list names only keys that work now.
const needed = {
  j: "[data-row-link]",
  Enter: "[data-row-link]",
  Space: "[data-peek]",
  f: "[data-filter-first]",
  m: "[data-key=m]",
  c: "[data-key=c]",
  e: "[data-key=e]",
  n: "[data-key=n]",
  a: "[data-key=a]",
  x: "[data-choose]",
  r: "[data-key=r]:not([hidden])",
  z: "[data-key=z]",
  Esc: "[data-back]",
};

function help() {
  const dialog = document.getElementById("keys");
  if (dialog === null || dialog.open) return;
  dialog.querySelectorAll("[data-keys]").forEach((entry) => {
    entry.hidden = document.querySelector(needed[entry.dataset.keys.split(" ")[0]]) === null;
  });
  dialog.showModal();
}

// What is opened seldom has a script of its own, which is fetched when it is first wanted.
function palette() {
  const dialog = document.getElementById("palette");
  if (dialog === null || document.querySelector("dialog[open]") !== null) return;
  dialog.showModal();
  import(dialog.dataset.script).then((script) => script.opened());
}

function peek(link) {
  import(document.getElementById("peek").dataset.script).then((script) => script.peek(link));
}

const peeked = location.hash.startsWith("#peek=") ? location.hash.slice("#peek=".length) : "";
const peekedRow = [...document.querySelectorAll("[data-peek]")].find((link) => link.textContent === peeked);
if (peekedRow !== undefined) peek(peekedRow);

// The filters of a list change the address in place: the switch of time starts from where one is now.
document.addEventListener("submit", (event) => {
  if (event.target.matches(".as-of form")) event.target.elements.next.value = location.pathname + location.search;
});

// `g` and a letter within a second.
let going = -Infinity;

const single = {
  "/": () => press("#search"),
  "?": help,
  j: () => step(1),
  k: () => step(-1),
  f: () => press("[data-filter-first]"),
  m: () => press("[data-key=m]"),
  c: () => press("[data-key=c]"),
  e: () => press("[data-key=e]"),
  n: () => press("[data-key=n]"),
  a: () => press("[data-key=a]"),
  r: () => press("[data-key=r]:not([hidden])"),
  z: () => press("[data-key=z]"),
  x: () => document.activeElement.closest("[data-row]")?.querySelector("[data-choose]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return palette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
  if (event.key === "Escape") return leave(event);
  if (typing(event.target) || root.dataset.keys === "off") return;
  if (event.key === " " && event.target.matches("[data-peek]")) {
    event.preventDefault();
    return peek(event.target);
  }
  if (going > event.timeStamp - 1000) {
    going = -Infinity;
    if (press(`[data-go="${CSS.escape(event.key)}"]`)) event.preventDefault();
    return;
  }
  if (event.key === "g") {
    going = event.timeStamp;
    return;
  }
  if (Object.hasOwn(single, event.key)) {
    event.preventDefault();
    single[event.key]();
  }
});

function leave(event) {
  const menu = document.querySelector("details.menu[open]");
  if (menu !== null) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (typing(event.target)) {
    event.target.blur();
  } else {
    press("[data-back]");
  }
}

document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  if (event.target.closest("[data-help]")) help();
  if (event.target.closest("[data-palette]")) palette();
  const row = event.target.closest("[data-row]");
  if (row !== null && !event.target.closest("a, button, input, select, label, summary") && !String(getSelection())) {
    row.querySelector("[data-row-link]")?.click();
  }
});

// What a check expects goes into its field, for the person to look at before it is sent.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  const field = button?.form.elements[button.dataset.fill];
  if (!field) return;
  field.value = button.dataset.value;
  field.focus();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    document.querySelectorAll("[data-choose]").forEach((box) => (box.checked = event.target.checked));
  }
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// An address names only what was chosen.
document.addEventListener("htmx:configRequest", (event) => {
  const given = event.detail.parameters;
  for (const name of Object.keys(given)) if (given[name] === "") delete given[name];
});

// A second press of a button that is under way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

function left(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes >= 10) return `${minutes} min`;
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}

function tick() {
  document.querySelectorAll("[data-countdown] time").forEach((time) => {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const icon = time.querySelector(".icon");
    const words = seconds >= 0 ? `in ${left(seconds)}` : `-${left(-seconds)} overdue`;
    time.replaceChildren(...(icon ? [icon] : []), words);
    time.classList.toggle("amber", seconds >= 0 && seconds < 3600);
    time.classList.toggle("red", seconds < 0);
  });
}
tick();
setInterval(tick, 1000);

// What a page says after a change is also said to readers of the screen; a failed form shows its first error.
function announce() {
  const said = [...document.querySelectorAll("[data-announce]")].map((each) => each.textContent.trim()).join(" ");
  if (said) document.getElementById("status").textContent = said;
  const first = document.querySelector("[data-first-error]");
  if (first !== null) first.focus();
}
setTimeout(announce, 100);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button === null) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  document.getElementById("status").textContent = button.dataset.done;
});

// A piece of a page that failed leaves the page as it was: so it is said, with what to quote. What asks again by itself
// says so elsewhere.
function sayFailed(event) {
  const notice = document.querySelector("[data-failed]");
  if (notice === null || event.target.matches('[hx-trigger^="every"]')) return;
  const id = event.detail.xhr?.getResponseHeader("X-Request-ID") ?? "";
  const quoted = notice.querySelector("[data-failed-request]");
  quoted.hidden = id === "";
  quoted.querySelector("code").textContent = id;
  notice.hidden = false;
  document.getElementById("status").textContent = notice.querySelector("strong").textContent;
}
document.addEventListener("htmx:responseError", sayFailed);
document.addEventListener("htmx:sendError", sayFailed);
document.addEventListener("htmx:afterSwap", () => {
  const notice = document.querySelector("[data-failed]");
  if (notice !== null) notice.hidden = true;
});
