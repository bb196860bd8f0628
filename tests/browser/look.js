// Let axe look at what lies within a selector: by its rules, and in each theme for contrast at every look of words once.
//
// Contrast is by far axe's dearest rule, and every screen is drawn with the same few looks: words of one colour, size
// and weight on one stack of backgrounds need no second look. The looks that were seen are kept for the tab.
async ([within, rules]) => {
  const look = async (include, runOnly, switched) => {
    const options = { runOnly, rules: switched, resultTypes: ["violations"], preload: false, iframes: false };
    const { violations } = await axe.run({ include, exclude: ["perspective-viewer"] }, options);
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.target}: ${node.failureSummary}`));
  };

  const fills = new Map();
  const fill = (element) => {
    if (element === null) return "";
    if (!fills.has(element)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
      const clear = backgroundColor === "rgba(0, 0, 0, 0)" && backgroundImage === "none" && opacity === "1";
      const own = clear ? "" : `${backgroundColor} ${backgroundImage} ${opacity} / `;
      fills.set(element, own + fill(element.parentElement));
    }
    return fills.get(element);
  };
  const says = (element) =>
    element.matches("input, select, textarea") ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");

  const fresh = (theme) => {
    const seen = new Set(JSON.parse(sessionStorage.getItem(theme)));
    fills.clear();
    const found = [];
    for (const element of document.querySelector(within).querySelectorAll("*")) {
      if (!says(element) || !element.checkVisibility()) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      const drawn = `${color} ${fontSize} ${fontWeight} ${fill(element)}`;
      if (seen.has(drawn)) continue;
      seen.add(drawn);
      found.push(element);
    }
    sessionStorage.setItem(theme, JSON.stringify([...seen]));
    return found;
  };

  const faults = await look([within], rules, { "color-contrast": { enabled: false } });
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    const elements = fresh(theme);
    if (elements.length === 0) continue;
    const found = await look(elements, { type: "rule", values: ["color-contrast"] }, {});
    faults.push(...found.map((each) => `${theme} ${each}`));
  }
  return faults;
}
