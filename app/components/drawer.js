// Opens the container around it beside what was last clicked on, over the page. It never covers
// that, and stays in its place while it holds the same.

const drawers = new WeakMap(); // parentElement -> state of one drawer
const GAP = 8; // px to the window's edges and to the epoch slider
const NARROW = 700; // px: a narrower page has no room beside a click, so it opens above or below
const WIDEST = 560; // px

function make(parentElement) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "bikd-close";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  close.title = "Close (Escape)";
  parentElement.append(close);
  const root = parentElement.closest('[class*="st-key-drawer_"]');
  root.setAttribute("role", "region");
  return { root, close, holds: "", at: null, openedAt: null };
}

// Where a key acts: in the middle of the element with the focus.
function middleOf(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

function place(state) {
  const { root } = state;
  const main = document.querySelector('[data-testid="stMain"]').getBoundingClientRect();
  const at = state.openedAt;
  const slider = document.querySelector(".bikd-timeline")?.getBoundingClientRect();
  const first = Math.max(GAP, slider ? slider.bottom + GAP : 0);
  const isNarrow = main.width < NARROW;
  const isLeft = at.x >= main.left + main.width / 2; // the half that was not clicked on
  const margin = isNarrow ? GAP : 2 * 16;
  const width = isNarrow ? main.width - 2 * margin : Math.min(WIDEST, main.width / 2 - margin - GAP);
  const isAbove = at.y > innerHeight / 2;
  const highest = isNarrow ? innerHeight / 2 - 5 * GAP : innerHeight - first - GAP;
  const style = (name, pixels) => root.style.setProperty(`--${name}`, `${Math.round(pixels)}px`);
  style("width", width);
  style("left", isNarrow || isLeft ? main.left + margin : main.right - margin - width);
  style("highest", highest);
  const { height } = root.getBoundingClientRect();
  const lowest = innerHeight - height - GAP;
  if (isNarrow) style("top", isAbove ? GAP : lowest);
  else style("top", Math.max(first, Math.min(at.y - height / 2, lowest)));
}

// The theme's colours, which Streamlit (1.67) gives to components only, not to containers.
function colour({ root, close }) {
  const theme = getComputedStyle(close);
  root.style.setProperty("--back", theme.getPropertyValue("--st-background-color"));
  root.style.setProperty("--edge", theme.getPropertyValue("--st-border-color"));
}

function show(state) {
  const { root, data } = state;
  colour(state);
  root.setAttribute("aria-label", data.label);
  root.classList.toggle("bikd-open", data.holds !== "");
  if (data.holds !== state.holds) {
    state.holds = data.holds;
    root.scrollTop = 0;
    state.openedAt = state.at ?? middleOf(document.activeElement);
    place(state);
  }
}

// Until the element has left the page.
function hear(state, target, type, listener, options) {
  const heard = (event) => {
    if (state.root.isConnected) listener(event);
    else target.removeEventListener(type, heard, options);
  };
  target.addEventListener(type, heard, options);
}

function listen(state) {
  const { root } = state;
  const isOutside = ({ target }) => !root.contains(target);
  hear(state, document, "pointerdown", (event) => {
    if (isOutside(event)) state.at = { x: event.clientX, y: event.clientY };
  }, true);
  hear(state, document, "keydown", (event) => {
    if (event.key === "Escape" && state.holds !== "" && !event.defaultPrevented) close(state);
    else if (event.key === "Enter" && isOutside(event)) state.at = middleOf(event.target);
  });
  state.close.addEventListener("click", () => close(state));
  // What it holds may grow when its pictures have come.
  new ResizeObserver(() => state.holds !== "" && place(state)).observe(root);
  hear(state, window.matchMedia("(prefers-color-scheme: dark)"), "change", () => {
    setTimeout(() => colour(state), 150); // the page changes first
  });
  hear(state, window, "resize", () => state.holds !== "" && place(state));
}

function close(state) {
  state.root.classList.remove("bikd-open"); // at once; the server's word follows
  state.component.setTriggerValue("closed", true);
}

export default function (component) {
  const { data, parentElement } = component;
  let state = drawers.get(parentElement);
  if (!state || !state.close.isConnected || !state.root.isConnected) {
    state = make(parentElement);
    drawers.set(parentElement, state);
    listen(state);
  }
  state.component = component;
  state.data = data;
  show(state);
}
