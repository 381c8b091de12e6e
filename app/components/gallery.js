// Pictures as buttons. A picture keeps its button, and so its focus, while others come and go.

const galleries = new WeakMap(); // parentElement -> what is on the page
const SHORT = { medium: "med." }; // where a picture is narrower than the word

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function imageOf(picture) {
  if (!picture.image) return element("span", "bikd-no-image");
  const image = document.createElement("img");
  image.src = picture.image;
  image.alt = ""; // of a button: its caption names it, its title describes it
  image.draggable = false;
  return image;
}

function makeButton(picture) {
  const button = element("button", "bikd-picture");
  button.type = "button";
  const bar = element("span", "bikd-group");
  bar.append(element("span", ""), element("span", "bikd-value"));
  const badge = element("span", "bikd-badge");
  button.append(imageOf(picture), element("span", "bikd-name"), bar, badge);
  return button;
}

function fill(button, picture, selected) {
  const [image, name, bar, badge] = button.children;
  const [group, value] = bar.children;
  if (Boolean(picture.image) !== (image.tagName === "IMG")) image.replaceWith(imageOf(picture));
  button.dataset.id = picture.id;
  button.title = `${picture.alt} (${picture.group})`;
  button.setAttribute("aria-pressed", String(picture.id === selected));
  name.textContent = picture.name;
  value.textContent = picture.value;
  group.textContent = SHORT[picture.group] ?? picture.group;
  bar.style.background = picture.colour;
  badge.textContent = picture.badge;
}

function blank() {
  const button = makeButton({ image: "" });
  button.classList.add("bikd-blank");
  button.disabled = true;
  for (const part of button.querySelectorAll("span")) if (!part.children.length) part.append("–");
  return button;
}

function makeSection() {
  const part = element("section", "");
  const head = element("h4", "bikd-section");
  const grid = element("div", "bikd-grid");
  part.append(head, grid);
  return { part, head, grid, blanks: [] };
}

// Makes these the children of an element, in this order; children that stay are not touched.
function arrange(parent, children) {
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

function make(parentElement) {
  const root = element("section", "bikd-gallery");
  const title = element("h3", "bikd-title");
  const body = element("div", "bikd-sections");
  const sentence = element("p", "bikd-sentence");
  root.append(title, body, sentence);
  parentElement.append(root);
  const state = { root, title, body, sentence, buttons: new Map(), sections: [] };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-id]");
    if (!button) return;
    for (const other of state.buttons.values()) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", "true"); // at once; the server's word follows
    state.component.setTriggerValue("picture", Number(button.dataset.id));
  });
  return state;
}

function showGallery(state) {
  const { data, root, buttons } = state;
  const focused = document.activeElement;
  root.style.setProperty("--columns", data.columns / Math.max(1, data.sections.length));
  root.setAttribute("aria-label", data.title || "Pictures");
  state.title.textContent = data.title;
  state.sentence.textContent = data.sentence;
  const shown = new Set();
  const inEach = data.places / Math.max(1, data.sections.length);
  const parts = data.sections.map(([title, pictures], at) => {
    state.sections[at] ??= makeSection();
    const { part, head, grid, blanks } = state.sections[at];
    head.textContent = title;
    const children = pictures.map((picture) => {
      if (!buttons.has(picture.id)) buttons.set(picture.id, makeButton(picture));
      fill(buttons.get(picture.id), picture, data.selected);
      shown.add(picture.id);
      return buttons.get(picture.id);
    });
    while (children.length + blanks.length < inEach) blanks.push(blank());
    arrange(grid, [...children, ...blanks.slice(0, Math.max(0, inEach - children.length))]);
    return part;
  });
  arrange(state.body, parts);
  for (const id of buttons.keys()) if (!shown.has(id)) buttons.delete(id);
  if (focused?.isConnected && focused !== document.activeElement && root.contains(focused)) {
    focused.focus({ preventScroll: true }); // a button that was moved loses it
  }
}

function showPortrait(state) {
  const { portrait, lines } = state.data;
  const words = element("div", "");
  lines.forEach((line, at) => words.append(element(at ? "p" : "h3", "", line)));
  const group = element("span", "bikd-group", `${portrait.group}-shot class`);
  group.style.background = portrait.colour;
  words.children[1].append(group); // beside its number
  if (state.id !== portrait.id) {
    state.image = imageOf(portrait);
    state.id = portrait.id;
  }
  state.image.alt = portrait.alt;
  state.root.className = "bikd-gallery bikd-portrait";
  state.root.replaceChildren(state.image, words);
}

export default function (component) {
  const { data, parentElement } = component;
  let state = galleries.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    galleries.set(parentElement, state);
  }
  state.component = component;
  state.data = data;
  if (data.portrait) showPortrait(state);
  else showGallery(state);
}
