// Pages that stay as they are and say what is new. Every page works without this file.
"use strict";

(() => {
  const ACTIVE = 3000; // milliseconds between two questions, for a minute after the last key or move
  const IDLE = 30000;
  const AWAKE = 60000;
  const PATIENCE = 30000; // for an answer
  let touched = performance.now();
  let heard = performance.now();
  let timer = 0;
  let asking = false;
  let ended = false; // the session has
  let waiting = null; // the fresh rows that are not shown yet
  let counted = performance.now();

  const idle = () => performance.now() - touched > AWAKE;
  const shownHere = () => document.querySelector("[data-live]"); // rows of a list, or a page's parts
  // A list that takes long to look through is asked seldom, whoever moves.
  const interval = () => (idle() || shownHere()?.hasAttribute("data-slow") ? IDLE : ACTIVE);
  const presence = () => document.querySelector("[data-presence]");
  // What htmx asks for again by itself, while something is made.
  const made = () => document.querySelector('[hx-trigger^="every"]');

  // --- parts of a page

  // What somebody reads or has selected is not taken away under the eyes.
  function isRead(part) {
    const selection = getSelection();
    return part.contains(document.activeElement) || (!selection.isCollapsed && part.contains(selection.anchorNode));
  }

  function putPart(part, fresh) {
    const before = new Map([...part.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell.textContent]));
    for (const cell of fresh.querySelectorAll("[data-cell]")) {
      const was = before.get(cell.dataset.cell);
      if (was !== undefined && was !== cell.textContent) cell.classList.add("changed");
    }
    part.replaceWith(fresh);
  }

  // The mark moves once all of it is shown: what is held now is told again.
  function takeParts(page, told, mark) {
    let held = false;
    for (const fresh of [...page.querySelectorAll("[data-part]")]) {
      const part = document.querySelector(`[data-part="${fresh.dataset.part}"]`);
      if (part === null) continue;
      if (isRead(part)) held = true;
      else putPart(part, fresh);
    }
    shownHere().dataset.live = held ? mark : told;
  }

  // --- rows

  const byKey = (body) => new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const isHeld = (row) =>
    row.contains(document.activeElement) || row.querySelector("[data-choose]:checked") !== null;

  // What a cell says, without what only the clock changes in it.
  function said(cell) {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("time").forEach((time) => time.replaceWith(time.dateTime));
    return copy.innerHTML;
  }

  function update(row, fresh) {
    if (isHeld(row)) {
      const differs = [...row.cells].some((cell, at) => said(cell) !== said(fresh.cells[at]));
      row.classList.toggle("behind", differs);
      row.title = differs ? shownHere().dataset.changed : "";
      return;
    }
    row.classList.remove("behind", "gone");
    row.removeAttribute("title");
    [...row.cells].forEach((cell, at) => {
      const other = fresh.cells[at];
      if (cell.innerHTML === other.innerHTML) return;
      const tells = said(cell) !== said(other);
      cell.replaceChildren(...other.cloneNode(true).childNodes);
      cell.title = other.title;
      if (!tells) return;
      cell.classList.add("changed");
      setTimeout(() => cell.classList.remove("changed"), 1000);
    });
  }

  // Rows that the list has not any more, unless newer ones have only pushed them off its page.
  function leave(body, fresh, isNewer) {
    const last = Math.max(-1, ...[...body.rows].map((row, at) => (fresh.has(row.dataset.key) ? at : -1)));
    [...body.rows].forEach((row, at) => {
      if (fresh.has(row.dataset.key)) return;
      const gone = at < last || !isNewer;
      row.classList.toggle("gone", gone);
      row.title = gone ? body.dataset.gone : "";
    });
  }

  function take(page) {
    const here = shownHere();
    const told = page.querySelector("[data-live]");
    if (here === null || told === null) return;
    if (here.rows) takeRows(here, told, page);
    else takeParts(page, told.dataset.live, here.dataset.live);
  }

  function takeRows(body, told, page) {
    const fresh = byKey(told);
    const shown = byKey(body);
    const newer = [...fresh.keys()].filter((key) => !shown.has(key));
    fresh.forEach((row, key) => shown.has(key) && update(shown.get(key), row));
    leave(body, fresh, newer.length > 0);
    page.querySelectorAll("[data-live-text]").forEach((each) => {
      const here = document.querySelector(`[data-live-text="${each.dataset.liveText}"]`);
      if (here !== null) here.textContent = each.textContent;
    });
    body.dataset.live = told.dataset.live;
    waiting = fresh;
    offer(newer.length);
  }

  function offer(count) {
    const button = document.querySelector("[data-newer]");
    if (button === null) return;
    const before = button.querySelector(".figure").textContent;
    button.querySelector(".figure").textContent = String(count);
    button.hidden = count === 0;
    if (count > 0 && before !== String(count)) {
      document.getElementById("status").textContent = button.querySelector(".words").textContent;
    }
  }

  // The list as it is now; what is chosen or focused stays where it can be seen.
  function showNewer() {
    const body = shownHere();
    if (body === null || waiting === null) return;
    const shown = byKey(body);
    const rows = [...waiting].map(([key, row]) => {
      const here = shown.get(key);
      return here !== undefined && isHeld(here) ? here : row;
    });
    const kept = [...body.rows].filter((row) => !waiting.has(row.dataset.key) && isHeld(row));
    const focused = document.activeElement;
    body.replaceChildren(...rows, ...kept);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
    waiting = null;
    offer(0);
  }

  // --- asking

  async function ask(address) {
    const said = await fetch(address, {
      redirect: "manual", // the page to log in is no answer
      headers: { "X-Live": "1" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    ended = said.type === "opaqueredirect";
    if (!said.ok) throw new Error(String(said.status));
    const text = said.status === 204 ? "" : await said.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    return { asOf: said.headers.get("X-As-Of"), page: text ? page : null };
  }

  async function askShown() {
    const here = shownHere();
    if (here === null) return;
    const address = new URL(here.dataset.liveAt ?? location.href, location.href);
    address.searchParams.set("since", here.dataset.live);
    const { asOf, page } = await ask(address);
    if (shownHere() !== here) return; // another filter meanwhile
    if (page !== null) take(page);
    if (here.dataset.totals && (page !== null || performance.now() - counted > IDLE)) await askTotals(here);
    tell(asOf);
  }

  // As of when all is that is shown, wherever the page says it.
  function tell(asOf) {
    if (asOf === null) return;
    document.querySelectorAll("[data-as-of] time, [data-feed] time").forEach((time) => (time.textContent = asOf));
  }

  // What the filter adds up to: with each change of its rows, and now and then for those on its other pages.
  async function askTotals(body) {
    counted = performance.now();
    const { page } = await ask(body.dataset.totals);
    if (shownHere() !== body || page === null) return;
    page.querySelectorAll("#total, #totals, #matching").forEach((fresh) => {
      const here = document.getElementById(fresh.id);
      if (here === null || here.textContent === fresh.textContent) return;
      fresh.removeAttribute("hx-swap-oob");
      fresh.classList.add("changed");
      setTimeout(() => fresh.classList.remove("changed"), 1000);
      here.replaceWith(fresh);
    });
  }

  async function askPresence() {
    const place = presence();
    if (place === null) return;
    const since = place.firstElementChild.dataset.mark ?? "";
    const { asOf, page } = await ask(`${place.dataset.presence}&since=${since}${idle() ? "&idle=1" : ""}`);
    const told = page?.getElementById("presence");
    if (told) place.replaceChildren(told);
    tell(asOf);
  }

  async function poll() {
    if (document.hidden || asking) return;
    asking = true;
    try {
      await Promise.all([askShown(), askPresence()]);
      heard = performance.now();
    } catch {
      // Whoever looks sees how old the page is; the next question may be answered.
    }
    asking = false;
    judge();
    next();
  }

  function next() {
    clearTimeout(timer);
    if (document.hidden || (shownHere() === null && presence() === null)) return;
    timer = setTimeout(poll, interval());
  }

  // Amber when nothing was heard for twice as long as it should take, red at five times. From amber on the page says
  // it across its top; what one can do there is not touched.
  function judge() {
    const asks = shownHere() !== null || presence() !== null || made() !== null;
    if (document.hidden) return;
    const late = asks ? (performance.now() - heard) / interval() : 0;
    document.querySelectorAll("[data-as-of]").forEach((shown) => {
      shown.classList.toggle("amber", late > 2 && late <= 5);
      shown.classList.toggle("red", late > 5);
    });
    sayBroken(late > 2);
  }

  function sayBroken(isBroken) {
    const band = document.querySelector("[data-feed]");
    if (band === null) return;
    const which = ended ? "ended" : "silent";
    band.querySelectorAll("[data-feed-why]").forEach((why) => (why.hidden = why.dataset.feedWhy !== which));
    if (band.hidden !== isBroken) return; // it stands already as it should
    band.hidden = !isBroken;
    document.getElementById("status").textContent = isBroken
      ? band.querySelector(`[data-feed-why="${which}"]`).textContent
      : band.dataset.mended;
  }

  // Nobody asked meanwhile: that is not late, unless it was before.
  function askAgain() {
    if (document.querySelector("[data-feed]")?.hidden !== false) heard = performance.now();
    poll();
  }

  function wake() {
    const slept = idle();
    touched = performance.now();
    if (slept) askAgain();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-newer]")) showNewer();
    const mine = event.target.closest("[data-use]");
    if (mine !== null) {
      const field = mine.closest("form").elements[mine.dataset.for];
      field.value = mine.dataset.use;
      field.focus();
    }
    if (event.target.closest("[data-reload]")) {
      event.preventDefault();
      location.assign(location.pathname + location.search);
    }
  });
  ["keydown", "pointerdown", "pointermove", "wheel"].forEach((name) =>
    document.addEventListener(name, wake, { passive: true }),
  );
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else askAgain();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.target === made()) heard = performance.now();
  });
  document.addEventListener("htmx:afterSwap", () => {
    waiting = null;
    heard = performance.now();
    tell(document.querySelector("[data-as-of] time")?.textContent ?? null);
    next();
  });
  window.addEventListener("pagehide", () => {
    const place = presence();
    if (place !== null) fetch(`${place.dataset.presence}&left=1`, { keepalive: true }).catch(() => {});
  });
  setInterval(judge, 1000);
  if (presence() !== null) poll();
  else next();
})();
