// Plays a run: bars of both weights by class, and the accuracy of the rarest classes. All numbers
// are here from the start; between two epochs they are interpolated.

const address = new URL("TERMS", document.baseURI).href;
const runs = new WeakMap(); // parentElement -> state of one picture
const EPOCHS_PER_S = 8;
const HOLD_S = 4; // at the last epoch, before it begins again
const TIMES = 3; // then it stands at the last epoch until somebody plays it
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

const ICONS = { play: "M6 4l14 8-14 8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z" };

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function row(name, count, isRare) {
  const root = element("div", isRare ? "bikd-run-row bikd-run-rare" : "bikd-run-row");
  const bars = element("div", "bikd-run-bars");
  const hard = element("div", "bikd-run-hard");
  const soft = element("div", "bikd-run-soft");
  const value = element("span", "bikd-run-value");
  bars.append(hard, soft);
  root.append(element("span", "bikd-run-name", name), element("span", "bikd-run-count", String(count)), bars, value);
  return { root, hard, soft, value };
}

function picture(data) {
  const root = element("div", "bikd-run-picture");
  root.setAttribute("role", "img");
  root.setAttribute("aria-label", data.alt);
  const head = element("div", "bikd-run-row bikd-run-head");
  const legend = element("span", "bikd-run-legend");
  for (const [kind, words] of [["hard", "the label counts"], ["soft", "the teacher counts"]]) {
    const entry = element("span", "bikd-run-entry");
    entry.append(element("i", `bikd-run-${kind}`), words);
    legend.append(entry);
  }
  head.append(element("span", "bikd-run-name", "class"), element("span", "bikd-run-count", "pictures"), legend);
  const rare = data.names.length - 3;
  const rows = data.names.map((name, index) => row(name, data.counts[index], index >= rare));
  root.append(head, ...rows.map((each) => each.root));
  return { root, rows };
}

function controls(state) {
  const root = element("div", "bikd-run-controls");
  state.button = element("button", "bikd-run-play");
  state.button.type = "button";
  state.button.addEventListener("click", () => (state.isPlaying ? stop(state) : play(state)));
  state.slider = element("input", "bikd-run-slider");
  Object.assign(state.slider, { type: "range", min: "1", max: String(state.last), step: "1" });
  state.slider.setAttribute("aria-label", "Epoch of the recorded run");
  state.slider.addEventListener("input", () => {
    stop(state);
    show(state, Number(state.slider.value) - 1);
  });
  state.epoch = element("output", "bikd-run-epoch");
  root.append(state.button, state.slider, state.epoch);
  return root;
}

// The meanings of the terms come after the picture: it must not wait for them.
function withTerms(tag, className, data, name) {
  const root = element(tag, className, data[name]);
  const marks = data.terms[name] ?? [];
  if (marks.length) import(address).then(({ marked }) => root.replaceChildren(...marked(data[name], marks)));
  return root;
}

function make(parentElement, data) {
  const state = { data, last: data.hard.length, at: 0, left: TIMES, isPlaying: false };
  state.root = element("section", "bikd-run");
  state.root.setAttribute("aria-label", "A recorded run");
  const side = element("div", "bikd-run-side");
  state.number = element("strong", "bikd-run-number");
  state.number.setAttribute("aria-hidden", "true"); // the picture's name has it; this one counts
  side.append(state.number, element("span", "bikd-run-words", "of the test pictures of the three rarest classes are recognised"));
  if (data.rival) side.append(withTerms("span", "bikd-run-rival", data, "rival"));
  const { root, rows } = picture(data);
  state.rows = rows;
  state.root.append(
    element("h1", "bikd-run-title", data.title),
    withTerms("p", "bikd-run-intro", data, "intro"),
    root,
    side,
    element("p", "bikd-run-sentence", data.sentence),
    controls(state),
  );
  parentElement.append(state.root);
  return state;
}

// Draws the moment `at`, from 0 on; what is between two epochs is between their numbers.
function show(state, at) {
  const { data, last } = state;
  state.at = Math.min(at, last - 1);
  const before = Math.floor(state.at);
  const after = Math.min(before + 1, last - 1);
  const share = state.at - before;
  const between = (values) => values[before] + share * (values[after] - values[before]);
  state.rows.forEach(({ hard, soft, value }, index) => {
    const of = (weights) => weights[before][index] + share * (weights[after][index] - weights[before][index]);
    hard.style.transform = `scaleX(${of(data.hard)})`;
    soft.style.transform = `scaleX(${of(data.soft)})`;
    value.textContent = of(data.hard).toFixed(2);
  });
  state.number.textContent = `${(100 * between(data.rare)).toFixed(1)} %`;
  state.epoch.textContent = `epoch ${before + 1} of ${last}`;
  state.slider.value = String(before + 1);
}

function tick(state, now) {
  if (!state.isPlaying || !state.root.isConnected) return;
  // A hidden tab is not caught up with; the first frame may have begun before `play` did.
  const passed = Math.min(Math.max(now - state.seen, 0) / 1000, 0.25);
  state.seen = now;
  state.time += passed;
  const end = (state.last - 1) / EPOCHS_PER_S;
  if (state.time > end + HOLD_S) {
    state.left -= 1;
    if (state.left === 0) return stop(state);
    state.time = 0;
  }
  show(state, state.time * EPOCHS_PER_S);
  requestAnimationFrame((next) => tick(state, next));
}

function play(state) {
  const isOver = state.at >= state.last - 1;
  state.time = isOver ? 0 : state.at / EPOCHS_PER_S;
  state.left = Math.max(state.left, 1);
  state.isPlaying = true;
  state.seen = performance.now();
  name(state);
  requestAnimationFrame((now) => tick(state, now));
}

function stop(state) {
  state.isPlaying = false;
  name(state);
}

function name(state) {
  state.button.setAttribute("aria-label", state.isPlaying ? "Pause the recorded run" : "Play the recorded run");
  state.button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[state.isPlaying ? "pause" : "play"]}"/></svg>`;
}

export default function draw(component) {
  const {
    data: [data],
    parentElement,
  } = component;
  const known = runs.get(parentElement);
  if (known?.root.isConnected) return;
  const state = make(parentElement, data);
  runs.set(parentElement, state);
  const at = comeAfter(document.getElementById("bikd-first"), state);
  if (still.matches) {
    show(state, state.last - 1);
    stop(state);
  } else {
    show(state, at);
    play(state);
  }
}

// The server's page brings a first picture along, which plays until this script is here: go on from
// where it stands, in its place. Return that moment.
function comeAfter(first, state) {
  if (!first) return 0;
  if (first.contains(state.root)) {
    first.run = state;
    return 0;
  }
  first.remove();
  return first.run?.at ?? 0;
}
