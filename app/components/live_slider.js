// A slider that tells its value while it is dragged, and once more, as settled, when it is released.

const sliders = new WeakMap(); // parentElement -> state of one slider
const SEND_EVERY = 120; // ms, while dragging
const PATIENCE = 15000; // ms that a busy server may take to answer to the newest value

function make(parentElement) {
  const root = document.createElement("div");
  root.className = "bikd-slider";
  const input = document.createElement("input");
  input.type = "range";
  const output = document.createElement("output");
  root.append(input, output);
  parentElement.append(root);
  return { root, input, output, value: null, movedAt: -Infinity, sentAt: -Infinity, timer: null };
}

function render({ input, output, value, data }) {
  const isWhole = Number.isInteger(value);
  input.min = data.low;
  input.max = data.high;
  input.step = isWhole ? "1" : "any"; // a value from a link may lie between two steps
  input.value = value;
  input.setAttribute("aria-label", data.label);
  input.style.setProperty("--share", `${(100 * (value - data.low)) / (data.high - data.low)}%`);
  const word = data.words[value - data.low];
  if (word) input.setAttribute("aria-valuetext", word);
  output.textContent = word ?? (isWhole ? value : value.toFixed(1));
}

function send(state) {
  clearTimeout(state.timer);
  state.timer = null;
  state.sentAt = performance.now();
  state.component.setStateValue("value", state.value);
}

function move(state) {
  state.value = Math.round(Number(state.input.value));
  state.movedAt = performance.now();
  render(state);
  const wait = SEND_EVERY - (state.movedAt - state.sentAt);
  if (wait <= 0) send(state);
  else if (!state.timer) state.timer = setTimeout(() => send(state), wait);
}

function settle(state) {
  clearTimeout(state.timer);
  state.timer = null;
  state.component.setTriggerValue("settled", state.value);
}

export default function (component) {
  const { data, parentElement } = component;
  let state = sliders.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    sliders.set(parentElement, state);
    state.input.addEventListener("input", () => move(state));
    state.input.addEventListener("change", () => settle(state));
  }
  state.component = component;
  state.data = data;
  // Answers to older values are on their way until the newest one comes back.
  if (data.value === state.value) state.movedAt = -Infinity;
  else if (performance.now() - state.movedAt > PATIENCE) state.value = data.value;
  render(state);
}
