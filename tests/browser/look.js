// Let axe look at what lies within some selectors: by its rules, and for contrast at each look of words once in a theme.
//
// Contrast is by far axe's dearest rule, and every screen is drawn with the same few looks: words of one colour, size
// and weight on one stack of backgrounds need no second look. The looks that were seen are kept for the tab.
async ([within, rules, theme]) => {
  const look = async (include, runOnly, switched) => {
    const options = { runOnly, rules: switched, resultTypes: ["violations"], preload: false, iframes: false };
    const { violations } = await axe.run({ include, exclude: ["perspective-viewer"] }, options);
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.target}: ${node.failureSummary}`));
  };

  const fills = new Map([[null, ""]]);
  const fill = (element) => {
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

  const seen = new Set(JSON.parse(sessionStorage.getItem(theme)));
  const fresh = [];
  for (const element of within.flatMap((each) => [...document.querySelector(each).querySelectorAll("*")])) {
    if (!says(element) || !element.checkVisibility()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const drawn = `${color} ${fontSize} ${fontWeight} ${fill(element)}`;
    if (seen.has(drawn)) continue;
    seen.add(drawn);
    fresh.push(element);
  }
  sessionStorage.setItem(theme, JSON.stringify([...seen]));

  return [
    ...(rules === null ? [] : await look(within, rules, { "color-contrast": { enabled: false } })),
    ...(fresh.length === 0 ? [] : await look(fresh, { type: "rule", values: ["color-contrast"] }, {})),
  ];
}
