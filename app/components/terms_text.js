// A text whose terms show their meaning at hover and focus.

const address = new URL("TERMS", document.baseURI).href;
const texts = new WeakMap(); // parentElement -> what stands in it

export default function (component) {
  const {
    data: [{ tag, text, terms }],
    parentElement,
  } = component;
  const known = texts.get(parentElement);
  if (known?.root.isConnected && known.text === text) return;
  const root = document.createElement(tag);
  root.className = "bikd-text";
  root.textContent = text;
  known?.root.remove();
  parentElement.append(root);
  texts.set(parentElement, { root, text });
  import(address).then(({ marked }) => root.replaceChildren(...marked(text, terms)));
}
