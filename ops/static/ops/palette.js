// The palette: pages and actions are narrowed here, records are asked for as one types. Enter only ever follows a link.
const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const places = document.getElementById("palette-places");
const records = document.getElementById("palette-records");
const count = document.getElementById("palette-count");

let chosen = null;

const typed = () => input.value.trim();
const options = () => [...list.querySelectorAll("[role=option]:not([hidden])")];

function choose(option) {
  chosen?.setAttribute("aria-selected", "false");
  chosen = option ?? null;
  if (chosen === null) {
    input.removeAttribute("aria-activedescendant");
    return;
  }
  chosen.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
}

function tell() {
  const found = options().length;
  count.textContent = found === 1 ? count.dataset.one : count.dataset.many.replace("{n}", found);
}

function narrow() {
  const words = typed().toLowerCase().split(/\s+/);
  for (const group of places.querySelectorAll("[role=group]")) {
    for (const option of group.querySelectorAll("[role=option]")) {
      const title = option.firstChild.textContent.toLowerCase(); // not the key beside it
      option.hidden = !words.every((word) => title.includes(word));
    }
    group.hidden = group.querySelector("[role=option]:not([hidden])") === null;
  }
  choose(options()[0]);
  tell();
}

function move(by) {
  const all = options();
  if (all.length > 0) choose(all[(all.indexOf(chosen) + by + all.length) % all.length]);
}

input.addEventListener("input", () => {
  records.replaceChildren(); // what was found belongs to what was typed before
  narrow();
});

records.addEventListener("htmx:afterSettle", () => {
  const found = records.querySelector("[data-of]");
  if (found === null || found.dataset.of !== typed()) records.replaceChildren();
  if (chosen === null) choose(options()[0]);
  tell();
});

input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && chosen !== null) {
    event.preventDefault(); // with nothing chosen the form searches for what was typed
    chosen.click();
  }
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

export async function opened() {
  input.select();
  if (places.firstElementChild === null) {
    await htmx.ajax("GET", dialog.dataset.places, { target: places, select: "[data-places]" });
  }
  narrow();
}
