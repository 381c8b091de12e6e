// The epoch slider. While it is dragged, the server's values wait: the thumb never jumps.
// It also plays: one epoch after the other, each when the server has answered to the one before.

const timelines = new WeakMap(); // parentElement -> state of one slider
const SEND_EVERY = 120; // ms, while dragging
const PATIENCE = 15000; // ms that a busy server may take to answer to the newest choice
const PLAY_EVERY = 500; // ms for an epoch, at the first speed
const SPEEDS = [1, 2, 4, 8];
const ICONS = {
  play: "M4 2 14 8 4 14Z",
  pause: "M3 2h4v12H3ZM9 2h4v12H9Z",
  back: "M10 2 12 4 8 8 12 12 10 14 4 8Z",
  forward: "M6 2 4 4 8 8 4 12 6 14 12 8Z",
};

function button(label, className) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  name(element, label);
  return element;
}

function name(element, label, key = "") {
  element.setAttribute("aria-label", label);
  element.title = key ? `${label} (${key})` : label;
}

function draw(element, icon) {
  if (element.dataset.icon === icon) return;
  element.dataset.icon = icon;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.append(path);
  element.replaceChildren(svg);
}

function make(parentElement) {
  const root = document.createElement("div");
  root.className = "bikd-timeline";
  const play = button("", "bikd-play");
  const speed = button("Playing speed", "bikd-speed");
  const back = button("One epoch back", "bikd-step");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "0";
  slider.setAttribute("aria-label", "Epoch");
  const forward = button("One epoch on", "bikd-step");
  const output = document.createElement("output");
  const live = button("", "bikd-live");
  name(back, "One epoch back", "left arrow");
  name(forward, "One epoch on", "right arrow");
  draw(back, "back");
  draw(forward, "forward");
  root.append(play, speed, back, slider, forward, output, live);
  parentElement.append(root);
  return {
    ...{ root, play, speed, back, slider, forward, output, live },
    ...{ chosen: null, chosenAt: -Infinity, timer: null },
    ...{ isPlaying: false, times: SPEEDS[0], turn: null, turnAt: -Infinity },
  };
}

// Nothing chosen: the newest epoch, or in a class the host's.
const shownEpoch = ({ chosen, data }) => Math.min(chosen ?? data.host?.epoch ?? data.done, data.done);
const last = ({ data }) => (data.host ? data.done : null); // null goes on following

function render(state) {
  const { planned, done, host } = state.data;
  const is_live = state.data.is_live || Boolean(host); // the host goes on
  const follows = state.chosen === null && !host?.is_away;
  const epoch = shownEpoch(state);
  const { slider, output, live, back, forward, play, speed } = state;
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
  name(live, host ? "Follow the host live" : is_live ? "Follow live" : "Go to the last epoch");
  live.setAttribute("aria-pressed", String(follows));
  live.classList.toggle("bikd-on", follows && is_live);
  live.disabled = done === 0;
  draw(play, state.isPlaying ? "pause" : "play");
  name(play, state.isPlaying ? "Pause playing" : "Play the epochs", "space");
  play.disabled = done < 2;
  speed.textContent = `${state.times}×`;
  name(speed, `Playing speed ${state.times}×`);
  speed.disabled = done < 2;
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

// Playing ---------------------------------------------------------------------------------------

function play(state) {
  state.isPlaying = true;
  state.turnAt = performance.now();
  if (shownEpoch(state) >= state.data.done) choose(state, 1);
  render(state);
  playOn(state);
}

// Does not settle: whoever drags the slider does that by releasing it.
function pause(state) {
  clearTimeout(state.turn);
  state.turn = null;
  state.isPlaying = false;
  render(state);
}

function togglePlaying(state) {
  if (!state.isPlaying) return play(state);
  pause(state);
  settle(state);
}

// Called at each answer: the next epoch has its turn when it is time, and never before the answer.
function playOn(state) {
  const isAnswered = state.data.chosen === state.chosen;
  if (!state.isPlaying || !isAnswered || state.turn) return;
  const wait = state.turnAt + PLAY_EVERY / state.times - performance.now();
  state.turn = setTimeout(() => takeTurn(state), Math.max(0, wait));
}

function takeTurn(state) {
  state.turn = null;
  if (!state.root.isConnected) return;
  state.turnAt = performance.now();
  const next = shownEpoch(state) + 1;
  if (next >= state.data.done) return jump(state, last(state)); // the newest, whichever that will be
  state.chosen = next;
  state.chosenAt = state.turnAt;
  render(state);
  send(state);
}

function changeSpeed(state) {
  state.times = SPEEDS[(SPEEDS.indexOf(state.times) + 1) % SPEEDS.length];
  clearTimeout(state.turn);
  state.turn = null;
  render(state);
  playOn(state);
}

// By hand ---------------------------------------------------------------------------------------

function jump(state, epoch) {
  if (state.isPlaying) pause(state);
  choose(state, epoch);
  settle(state);
}

const USES_KEYS = [
  ...["input", "textarea", "select", "[contenteditable]:not([contenteditable=false])"],
  ...["slider", "spinbutton", "radio", "checkbox", "switch", "tab", "option", "combobox"].map(
    (role) => `[role=${role}]`,
  ),
  ...["menuitem", "treeitem", "gridcell"].map((role) => `[role=${role}]`),
].join();
const USES_SPACE = "button, summary, [role=button]";
const IS_ABOVE_PAGE = "[role=dialog], [role=menu], [role=listbox], [data-testid=stPopoverBody]";

function isForTimeline(state, { key, target }) {
  if (!(target instanceof Element)) return true;
  if (target === state.slider) return key === " "; // its arrows move it already
  if (target.closest(USES_KEYS) || (key === " " && target.closest(USES_SPACE))) return false;
  return ![...document.querySelectorAll(IS_ABOVE_PAGE)].some((element) => element.checkVisibility());
}

// On the whole page, unless the key means something where the focus is.
function hearKey(state, event) {
  const { key } = event;
  const isModified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
  const { done } = state.data;
  const epochs = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  const isOurs = key === " " || key in epochs;
  if (!isOurs || isModified || event.defaultPrevented || done < 2) return;
  if (!isForTimeline(state, event)) return;
  event.preventDefault(); // the page would scroll
  if (key === " ") {
    if (!event.repeat) togglePlaying(state);
    return;
  }
  if (key === "ArrowRight" && shownEpoch(state) >= done) return; // goes on following
  if (state.isPlaying) pause(state);
  choose(state, key === "End" ? last(state) : shownEpoch(state) + epochs[key]);
  state.keyDown = key; // settled when it is released
}

function releaseKey(state) {
  state.keyDown = null;
  settle(state);
}

function hearPage(state) {
  const hear = (target, type, listener) => {
    const heard = (event) => {
      if (state.root.isConnected) listener(event);
      else target.removeEventListener(type, heard);
    };
    target.addEventListener(type, heard);
  };
  hear(document, "keydown", (event) => hearKey(state, event));
  hear(document, "keyup", ({ key }) => {
    if (state.keyDown === key) releaseKey(state);
  });
  // A key released elsewhere sends no event here.
  hear(window, "blur", () => {
    if (state.keyDown) releaseKey(state);
  });
  // Nothing is sent while nobody looks.
  hear(document, "visibilitychange", () => {
    if (document.hidden && state.isPlaying) togglePlaying(state);
  });
}

function hearHand(state) {
  state.slider.addEventListener("input", () => {
    if (state.isPlaying) pause(state);
    choose(state, Number(state.slider.value));
  });
  state.slider.addEventListener("change", () => settle(state)); // released
  state.back.addEventListener("click", () => jump(state, shownEpoch(state) - 1));
  state.forward.addEventListener("click", () => jump(state, shownEpoch(state) + 1));
  state.live.addEventListener("click", () => {
    jump(state, null);
    if (state.data.host) state.component.setTriggerValue("live", true);
  });
  state.play.addEventListener("click", () => togglePlaying(state));
  state.speed.addEventListener("click", () => changeSpeed(state));
}

export default function (component) {
  const { data, parentElement } = component;
  let state = timelines.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    timelines.set(parentElement, state);
    hearHand(state);
    hearPage(state);
  }
  state.component = component;
  state.data = data;
  // Answers to older choices are on their way until the newest one comes back.
  if (data.chosen === state.chosen) state.chosenAt = -Infinity;
  else if (performance.now() - state.chosenAt > PATIENCE) state.chosen = data.chosen;
  render(state);
  playOn(state);
}
