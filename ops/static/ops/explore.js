// The grid of Explore: its rows, its layout in the address, and the way back to the records.
const place = document.querySelector("[data-explore]");
const status = document.querySelector("[data-explore-status]");
const settings = JSON.parse(place.dataset.settings);
const { words } = settings;
const dark = matchMedia("(prefers-color-scheme: dark)");
const kept = document.querySelector("[data-explore-layout]");

// The grid writes styles as text, which the page's policy forbids; through these they are set as it allows.
function allowStyles(nonce) {
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
  const createElement = Document.prototype.createElement;
  Document.prototype.createElement = function (name, ...rest) {
    const made = createElement.call(this, name, ...rest);
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  };
}

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "dark" || (chosen === "system" && dark.matches) ? "Pro Dark" : "Pro Light";
}

function layoutOfAddress() {
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null;
  }
}

function say(text, link) {
  status.replaceChildren(text);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.url;
    anchor.textContent = link.text;
    anchor.className = "button";
    status.append(" ", anchor);
  }
}

// Of a row its record; of a group the list, narrowed by what the list can be narrowed by.
function lead({ row, config }) {
  const { record, list } = settings;
  const reference = record && row[record.column];
  if (reference && !row.__ROW_PATH__) {
    return say(`${reference}`, { url: record.before + encodeURIComponent(reference) + record.after, text: words.open_record });
  }
  const told = (config?.filter ?? []).filter(([, how, value]) => how === "==" && value !== null);
  if (!list) return say(told.map(([name, , value]) => `${name} ${value}`).join(" · ") || words.all_rows);
  const narrowed = new URLSearchParams();
  const left = [];
  for (const [name, , value] of told) {
    if (list.filters[name]) narrowed.set(list.filters[name], String(value).replaceAll(" ", name === "status" ? "_" : " "));
    else left.push(name);
  }
  const narrowing = told.map(([name, , value]) => `${name} ${value}`).join(" · ") || words.all_rows;
  const rest = left.length ? ` (${words.not_narrowed.replace("{columns}", left.join(", "))})` : "";
  say(narrowing + rest, { url: `${list.url}?${narrowed}`, text: words.open_list });
}

async function rows() {
  const answer = await fetch(settings.rows, { headers: { "X-Requested-With": "fetch" } });
  if (answer.redirected) throw new Error(words.ended);
  if (answer.status === 503) throw new Error(words.too_long);
  if (!answer.ok) throw new Error(words.failed);
  return answer.arrayBuffer();
}

function count(number) {
  if (number === 0) return words.no_rows;
  if (number === 1) return words.one_row;
  const told = number >= settings.rows_max ? words.newest_rows : words.rows;
  return told.replace("{n}", number.toLocaleString(document.documentElement.lang));
}

async function show() {
  allowStyles(settings.nonce);
  const [read, grid] = await Promise.all([rows(), import(place.dataset.grid)]);
  await grid.ready;
  const client = await grid.worker();
  const table = await client.table(read, { name: "rows" });
  const viewer = document.createElement("perspective-viewer");
  place.append(viewer);
  await viewer.load(client);
  const known = { plugin: "Datagrid", settings: false, theme: theme(), table: "rows" };
  try {
    await viewer.restore({ ...known, ...settings.layout, ...(layoutOfAddress() ?? {}) });
  } catch {
    await viewer.restore({ ...known, ...settings.layout });
  }
  viewer.addEventListener("perspective-click", (event) => lead(event.detail));
  // The form that saves a layout sends what is shown; so does the address, which can be sent as it is.
  const layoutNow = async () => {
    const now = await viewer.save();
    const layout = Object.fromEntries(settings.kept.filter((name) => now[name]).map((name) => [name, now[name]]));
    kept.value = JSON.stringify(layout);
    return kept.value;
  };
  await layoutNow();
  viewer.addEventListener("perspective-config-update", async () => {
    history.replaceState(null, "", `#${encodeURIComponent(await layoutNow())}`);
  });
  dark.addEventListener("change", () => viewer.restore({ theme: theme() }));
  // What one types in the grid's own fields is not a key of the page.
  place.addEventListener("keydown", (event) => event.stopPropagation());
  say(count(await table.size()));
  place.dataset.shown = "";
}

show().catch((error) => {
  place.dataset.failed = "";
  say(error.message);
});
