// The epoch slider. While a hand is on it, what the server says waits: the thumb never jumps.

const timelines = new WeakMap(); // parentElement -> state of one slider
const SEND_EVERY = 120; // ms, while dragging
const PATIENCE = 15000; // ms that a busy server may take to answer to the newest choice

function button(text, label, className) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.setAttribute("aria-label", label);
  element.className = className;
  return element;
}

function make(parentElement) {
  const root = document.createElement("div");
  root.className = "bikd-timeline";
  const back = button("◀", "One epoch back", "bikd-step");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "0";
  slider.setAttribute("aria-label", "Epoch");
  const forward = button("▶", "One epoch on", "bikd-step");
  const output = document.createElement("output");
  const live = button("", "", "bikd-live");
  root.append(back, slider, forward, output, live);
  parentElement.append(root);
  return { root, back, slider, forward, output, live, chosen: null, chosenAt: -Infinity, timer: null };
}

function render(state) {
  const { planned, done, is_live } = state.data;
  const follows = state.chosen === null;
  const epoch = follows ? done : Math.min(state.chosen, done);
  const { slider, output, live, back, forward } = state;
  slider.max = String(planned);
  slider.value = String(epoch);
  slider.disabled = done === 0;
  slider.setAttribute("aria-valuetext", `epoch ${epoch} of ${planned}, ${done} done`);
  slider.style.setProperty("--chosen", `${(100 * epoch) / planned}%`);
  slider.style.setProperty("--done", `${(100 * done) / planned}%`);
  output.textContent = `epoch ${epoch} of ${planned}`;
  back.disabled = epoch <= 1;
  forward.disabled = epoch >= done;
  live.textContent = is_live ? "● Live" : "Last epoch";
  live.setAttribute("aria-label", is_live ? "Follow live" : "Go to the last epoch");
  live.setAttribute("aria-pressed", String(follows));
  live.classList.toggle("bikd-on", follows && is_live);
  live.disabled = done === 0;
}

function send(state) {
  clearTimeout(state.timer);
  state.timer = null;
  state.sentAt = performance.now();
  state.component.setStateValue("epoch", state.chosen);
}

function settle(state) {
  if (state.timer) send(state);
  state.component.setStateValue("settled", state.chosen);
}

function choose(state, epoch) {
  const { done } = state.data;
  state.chosen = epoch === null ? null : Math.max(1, Math.min(epoch, done));
  state.chosenAt = performance.now();
  render(state);
  const wait = SEND_EVERY - (state.chosenAt - (state.sentAt || 0));
  if (wait <= 0) send(state);
  else if (!state.timer) state.timer = setTimeout(() => send(state), wait);
}

export default function (component) {
  const { data, parentElement } = component;
  let state = timelines.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    timelines.set(parentElement, state);
    const now = () => (state.chosen === null ? state.data.done : state.chosen);
    state.slider.addEventListener("input", () => choose(state, Number(state.slider.value)));
    state.slider.addEventListener("change", () => settle(state)); // let go
    const jump = (epoch) => {
      choose(state, epoch);
      settle(state);
    };
    state.back.addEventListener("click", () => jump(now() - 1));
    state.forward.addEventListener("click", () => jump(now() + 1));
    state.live.addEventListener("click", () => jump(null));
  }
  state.component = component;
  state.data = data;
  // Answers to older choices are on their way until the newest one comes back.
  const isAnswered = data.chosen === state.chosen;
  if (isAnswered) state.chosenAt = -Infinity;
  else if (performance.now() - state.chosenAt > PATIENCE) state.chosen = data.chosen;
  render(state);
}
