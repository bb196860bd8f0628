// Say what a person would find on a page: words cut off, words over words, words past the edge, a page wider than its window.
//
// Only what is seen counts: words are looked at within all that clips them, so that rows of a table which one scrolls
// to cover nothing. What is cut with its whole beside it, in the tip of itself or of what holds it, is no fault.
() => {
  const name = (element) => {
    const words = element.textContent.trim().replaceAll(/\s+/g, " ").slice(0, 40);
    const classes = [...element.classList].map((each) => `.${each}`).join("");
    return `${element.localName}${classes} “${words}”`;
  };
  const clips = (element) => {
    const { overflowX, overflowY, position } = getComputedStyle(element);
    return { x: overflowX !== "visible", y: overflowY !== "visible", position };
  };

  // The part of a box that is seen: within each ancestor that clips. Nothing of it comes back as null.
  const seen = (box, element) => {
    let { left, right, top, bottom } = box;
    for (let at = element; at !== null && at !== document.body; at = at.parentElement) {
      const { x, y, position } = clips(at);
      const edge = at.getBoundingClientRect();
      if (x) [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      if (y) [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      if (position === "fixed") break;
    }
    return right - left > 1 && bottom - top > 1 ? { left, right, top, bottom } : null;
  };

  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page is wider than the window");

  const pieces = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (node.data.trim() === "" || !element.checkVisibility() || element.closest(".hidden, script, option, svg")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const part = seen(box, element);
      if (part === null) continue;
      pieces.push({ ...part, element });
      if (box.width > 2 && part.right > innerWidth + 1) found.push(`past the edge: ${name(element)}`);
    }
  }

  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || element.closest(".hidden, svg") || element.textContent.trim() === "") continue;
    if (element.clientWidth <= 1) continue; // for readers of the screen alone
    const { overflowX, overflowY } = getComputedStyle(element);
    const told = element.closest("[title]") !== null || element.querySelector("[title]") !== null;
    const hides = (way) => way === "hidden" || way === "clip";
    if (hides(overflowX) && element.scrollWidth > element.clientWidth + 1 && !told) found.push(`cut: ${name(element)}`);
    if (hides(overflowY) && element.scrollHeight > element.clientHeight + 3 && !told) found.push(`cut below: ${name(element)}`);
    if (element.matches("button, .button, .pill, td, th, summary") && overflowX === "visible" && element.scrollWidth > element.clientWidth + 1)
      found.push(`wider than its box: ${name(element)}`);
  }

  // What sticks to an edge lies over what is scrolled beneath it, on purpose.
  const stuck = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      if (["sticky", "fixed"].includes(getComputedStyle(at).position)) return at;
    }
    return null;
  };
  pieces.sort((a, b) => a.top - b.top);
  pieces.forEach((one, at) => {
    for (let next = at + 1; next < pieces.length && pieces[next].top < one.bottom - 3; next += 1) {
      const other = pieces[next];
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - other.top;
      if (across <= 2 || down <= 3 || one.element === other.element || stuck(one.element) !== stuck(other.element)) continue;
      found.push(`over each other: ${name(one.element)} and ${name(other.element)}`);
    }
  });
  return [...new Set(found)];
};
