// Lines of text whose terms show their meaning at hover and focus.

const address = new URL("TERMS", document.baseURI).href;
const texts = new WeakMap(); // parentElement -> what stands in it

export default function (component) {
  const {
    data: [{ tag, lines }],
    parentElement,
  } = component;
  const shown = JSON.stringify(lines);
  const known = texts.get(parentElement);
  if (known?.root.isConnected && known.shown === shown) return;
  const root = document.createElement("div");
  const parts = lines.flatMap((line) => lineOf(root, tag, line));
  known?.root.remove();
  parentElement.append(root);
  texts.set(parentElement, { root, shown });
  import(address).then(({ marked }) => {
    for (const { element, text, terms } of parts) element.replaceChildren(...marked(text, terms));
  });
}

// Appends one line, and returns the parts of it that may hold terms.
function lineOf(root, tag, parts) {
  const line = document.createElement(tag === "small" ? "p" : tag);
  line.className = tag === "small" ? "bikd-text bikd-small" : "bikd-text";
  root.append(line);
  return parts.map(({ text, terms, is_bold }) => {
    const element = document.createElement(is_bold ? "strong" : "span");
    element.textContent = text;
    if (line.childNodes.length) line.append(" ");
    line.append(element);
    return { element, text, terms };
  });
}
