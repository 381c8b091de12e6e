// A card of the lesson. Space and → go on, ← goes back, unless the key belongs to what has the focus.

const address = new URL("TERMS", document.baseURI).href;
const cards = new WeakMap(); // parentElement -> state of one card
const OWN_KEYS = "input, textarea, select, [contenteditable]:not([contenteditable=false]), [role=slider], [role=application], [role=dialog], [role=combobox]";
const PRESSED = "button, a, summary, [role=button], [role=radio], [role=tab]"; // by Space

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(className, text, onClick) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

// w_hard is written with an index; L_val(θ) too, with what follows in parentheses.
function sign(text) {
  const [, base, index, rest] = text.match(/^([^_]*)(?:_(\w+))?(.*)$/);
  const nodes = [base];
  if (index) nodes.push(element("sub", "", index));
  return [...nodes, rest];
}

function equation(state, parts) {
  const root = element("p", "bikd-equation");
  for (const [text, meaning, value] of parts) {
    if (meaning === undefined) {
      root.append(text);
      continue;
    }
    const symbol = element("span", "bikd-symbol");
    symbol.tabIndex = 0;
    symbol.setAttribute("role", "note");
    symbol.setAttribute("aria-label", `${text.replace("_", " ")}. ${meaning}${value && ` Now: ${value}.`}`);
    symbol.append(...sign(text));
    state.explain(symbol, [value && `Now: ${value}`, meaning]);
    symbol.removeAttribute("aria-description"); // its name says it all
    root.append(symbol);
  }
  const values = parts.map(([text, meaning, value]) => (meaning === undefined ? text : value));
  if (parts.some(([, , value]) => value)) {
    const now = element("span", "bikd-values", values.join(""));
    now.setAttribute("aria-hidden", "true"); // each symbol's name has its value
    root.append(now);
  }
  return root;
}

function question(state) {
  const { data } = state;
  const root = element("div", "bikd-question");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", data.question);
  const asked = element("p", "bikd-asked");
  asked.append(...state.marked(data.question, data.terms.question, goTo(state)));
  root.append(asked);
  const choices = element("div", "bikd-choices");
  const take = (index) => {
    state.focusNext = ".bikd-revealed";
    state.component.setTriggerValue("answer", index);
  };
  data.choices.forEach((choice, index) => {
    const made = button("bikd-choice", choice, () => take(index));
    if (data.answer !== null) {
      made.disabled = true;
      made.setAttribute("aria-pressed", String(index === data.answer));
      if (index === data.right) {
        made.classList.add("bikd-right");
        made.append(element("span", "bikd-verdict", index === data.answer ? "✓ right" : "✓ the answer"));
      } else if (index === data.answer) {
        made.append(element("span", "bikd-verdict", "your guess"));
      }
    }
    choices.append(made);
  });
  root.append(choices);
  return root;
}

function go(state, by) {
  const { number, num_cards: count } = state.data;
  const to = number + by;
  if (to < 1 || to > count) return;
  state.focusNext = ".bikd-lesson-title";
  state.component.setTriggerValue("move", to);
}

const goTo = (state) => (card) => go(state, card - state.data.number);

// Shown where there is a choice; each language by its own name.
function languages(state) {
  const { languages: names, chosen_language: chosen } = state.data;
  const root = element("select", "bikd-language");
  root.setAttribute("aria-label", "Language");
  for (const name of names) root.append(new Option(nameOf(name), name, false, name === chosen));
  root.addEventListener("change", () => state.component.setTriggerValue("language", root.value));
  return root;
}

function nameOf(language) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(language);
  } catch {
    return language; // a folder may have any name
  }
}

function way(state) {
  const { number, num_cards: count } = state.data;
  const root = element("div", "bikd-way");
  const back = button("bikd-back", "← Back", () => go(state, -1));
  const next = button("bikd-next", "Next →", () => go(state, 1));
  back.disabled = number === 1;
  next.disabled = number === count;
  const place = element("div", "bikd-place");
  place.append(element("span", "", `${number} of ${count}`), element("kbd", "", "Space → ←"));
  if (state.data.languages.length > 1) place.append(languages(state));
  root.append(back, place, next);
  return root;
}

function hearKey(state, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const by = { " ": 1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const target = event.target instanceof Element ? event.target : document.body;
  if (!by || target.closest(OWN_KEYS)) return;
  if (event.key === " " && target.closest(PRESSED)) return;
  if (!state.root.isConnected || !state.root.checkVisibility()) return;
  event.preventDefault();
  go(state, by);
}

function draw(state) {
  const { data, root } = state;
  root.lang = data.language;
  const withTerms = (tag, className, name) => {
    const made = element(tag, className);
    made.append(...state.marked(data[name], data.terms[name], goTo(state)));
    return made;
  };
  const title = withTerms("h1", "bikd-lesson-title", "title");
  title.tabIndex = -1;
  const bar = element("div", "bikd-progress");
  bar.style.setProperty("--done", `${(100 * data.number) / data.num_cards}%`);
  const parts = [bar, title, withTerms("p", "bikd-body", "body"), question(state)];
  if (data.reveal) {
    const reveal = withTerms("p", "bikd-revealed", "reveal");
    reveal.tabIndex = -1;
    parts.push(reveal);
  }
  root.replaceChildren(...parts, equation(state, data.equation), way(state));
  // What has been asked for gets the focus, so that a screen reader reads it.
  if (state.focusNext) root.querySelector(state.focusNext)?.focus();
  state.focusNext = "";
}

export default function (component) {
  const {
    data: [data],
    parentElement,
  } = component;
  let state = cards.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = { root: element("article", "bikd-lesson") };
    parentElement.append(state.root);
    cards.set(parentElement, state);
    state.hear = (event) => hearKey(state, event);
    document.addEventListener("keydown", state.hear);
  }
  const { root } = state;
  Object.assign(state, { component, data });
  const text = JSON.stringify(data);
  if (text !== state.text) {
    state.text = text;
    import(address).then((terms) => draw(Object.assign(state, terms)));
  }
  return () => {
    setTimeout(() => {
      if (!root.isConnected) document.removeEventListener("keydown", state.hear);
    }, 1000);
  };
}
