// A glance at a row: its headline at the side, read only. The address names the row, the focus goes back to it.
const dialog = document.getElementById("peek");
const body = document.getElementById("peek-body");
const open = dialog.querySelector("[data-peek-open]");

let row = null;

const rows = () => [...document.querySelectorAll("[data-peek]")];

function address(hash) {
  history.replaceState(history.state, "", location.pathname + location.search + hash);
}

export async function peek(link) {
  row = link;
  open.href = link.href;
  open.querySelector(".code").textContent = link.textContent;
  address(`#peek=${link.textContent}`);
  body.replaceChildren();
  if (!dialog.open) dialog.showModal();
  await htmx.ajax("GET", link.dataset.peek, { target: body, select: "[data-peeked]" });
  if (row === link && body.firstElementChild === null) body.textContent = body.dataset.lost;
}

function step(by) {
  const all = rows();
  const next = all[all.indexOf(row) + by];
  if (next === undefined) return;
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
  peek(next);
}

dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("button, summary")) return;
  const does = { " ": () => dialog.close(), j: () => step(1), k: () => step(-1) };
  if (document.documentElement.dataset.keys === "off" || !Object.hasOwn(does, event.key)) return;
  event.preventDefault();
  does[event.key]();
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

dialog.addEventListener("close", () => {
  address("");
  row.focus({ preventScroll: true });
});
