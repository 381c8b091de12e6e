// Hears the presenter's keys on the whole page, and draws the bar below what is presented.

const bars = new WeakMap(); // parentElement -> state of one bar
const HINT = "← → epoch · ↑ ↓ question · Space plays";
const KEYS = { ArrowUp: "previous", PageUp: "previous", ArrowDown: "next", PageDown: "next" };
const TYPES = "input, textarea, select, [contenteditable]:not([contenteditable=false]), [role=combobox], [role=textbox]";
const USES_ARROWS = ["slider", "spinbutton", "radio", "tab", "option", "listbox", "menuitem", "gridcell"]
  .map((role) => `[role=${role}]`)
  .join();
const IS_ABOVE_PAGE = "[role=dialog], [role=menu], [role=listbox], [data-testid=stPopoverBody]";

function wishOf({ key, target }, isPresenting) {
  const element = target instanceof Element ? target : document.body;
  if (element.closest(TYPES) && element.type !== "range") return null;
  if (key === "p" || key === "P") return "toggle";
  if (!isPresenting) return null;
  if (key === "Escape") return "toggle";
  return element.closest(`input, ${USES_ARROWS}`) ? null : (KEYS[key] ?? null);
}

function hearKey(state, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const wish = wishOf(event, state.data.place !== "");
  if (!wish) return;
  if ([...document.querySelectorAll(IS_ABOVE_PAGE)].some((element) => element.checkVisibility())) return;
  event.preventDefault();
  state.component.setTriggerValue("wish", wish);
}

function button(state, text, wish) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", () => state.component.setTriggerValue("wish", wish));
  return element;
}

function make(parentElement) {
  const state = { root: document.createElement("div"), place: document.createElement("output") };
  const hint = document.createElement("kbd");
  hint.textContent = HINT;
  state.root.className = "bikd-presenter";
  state.root.setAttribute("role", "region");
  state.root.setAttribute("aria-label", "Presenter");
  state.root.append(
    button(state, "▲ Previous", "previous"),
    button(state, "▼ Next", "next"),
    ...[state.place, hint],
    button(state, "Leave (P)", "toggle"),
  );
  parentElement.append(state.root);
  state.hear = (event) => hearKey(state, event);
  document.addEventListener("keydown", state.hear);
  return state;
}

export default function (component) {
  const { data, parentElement } = component;
  let state = bars.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    bars.set(parentElement, state);
  }
  const before = state.data?.place;
  state.component = component;
  state.data = data;
  state.root.hidden = data.place === "";
  state.place.textContent = data.place;
  // The figures fit themselves into the window.
  if (Boolean(before) !== Boolean(data.place)) window.dispatchEvent(new Event("resize"));
  return () => {
    // Also called before a redraw: only what has left the page is given up.
    setTimeout(() => {
      if (state.root.isConnected) return;
      document.removeEventListener("keydown", state.hear);
      window.dispatchEvent(new Event("resize"));
    }, 200);
  };
}
