// Marks the terms of the glossary in a text. One box beside the term shows its meaning, at hover and
// at focus; the term itself is the link to the lesson's card about it.

let tip = null;
let shownFor = null;

function box() {
  if (tip?.isConnected) return tip;
  tip = document.createElement("div");
  tip.id = "bikd-tip";
  tip.className = "bikd-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  document.addEventListener("scroll", hide, true);
  return tip;
}

function themed(element) {
  const style = getComputedStyle(element);
  for (const name of ["--st-font", "--st-text-color", "--st-background-color", "--st-border-color"]) {
    box().style.setProperty(name, style.getPropertyValue(name));
  }
}

function show(element, lines) {
  const shown = box();
  themed(element);
  shown.replaceChildren(
    ...lines.filter(Boolean).map((line, index) => {
      const part = document.createElement(index ? "span" : "strong");
      part.textContent = line;
      return part;
    }),
  );
  shown.hidden = false;
  shownFor = element;
  const at = element.getBoundingClientRect();
  const left = Math.min(at.left, window.innerWidth - shown.offsetWidth - 12);
  const isBelow = at.bottom + shown.offsetHeight + 12 < window.innerHeight;
  shown.style.left = `${Math.max(12, left)}px`;
  shown.style.top = `${isBelow ? at.bottom + 6 : at.top - shown.offsetHeight - 6}px`;
}

function hide() {
  if (tip) tip.hidden = true;
  shownFor = null;
}

// Shows lines of text while the pointer is over an element or the focus is on it.
export function explain(element, lines) {
  element.setAttribute("aria-description", lines.filter(Boolean).join(" "));
  element.addEventListener("pointerenter", () => show(element, lines));
  element.addEventListener("focus", () => show(element, lines));
  for (const end of ["pointerleave", "blur"]) {
    element.addEventListener(end, () => shownFor === element && document.activeElement !== element && hide());
  }
  element.addEventListener("blur", hide);
}

// Returns the nodes of a text. `marks` are [start, end, name, meaning, card]; `onCard`, if given,
// goes to a card in place of the link.
export function marked(text, marks, onCard = null) {
  const nodes = [];
  let from = 0;
  for (const mark of marks) {
    const [start, end] = mark;
    nodes.push(text.slice(from, start), linked([text.slice(start, end)], mark, onCard));
    from = end;
  }
  return [...nodes, text.slice(from)].filter((node) => node !== "");
}

// Returns nodes as the link of one mark, whose text they stand for.
export function linked(nodes, [, , name, meaning, card], onCard = null) {
  const link = document.createElement("a");
  link.className = "bikd-term";
  link.append(...nodes);
  link.href = new URL(`${window.bikdLearn ?? "learn?lesson="}${card}`, document.baseURI).href;
  link.target = "_blank";
  if (onCard) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      hide();
      onCard(card);
    });
  }
  explain(link, [name, meaning, `Lesson, card ${card}`]);
  return link;
}
