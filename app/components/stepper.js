// The bar of the stepper. It moves at once, then tells the server; Back and Next walk through the
// phases of a recorded step and on to the step before or after. Nothing here undoes training.

const steppers = new WeakMap(); // parentElement -> state of one bar
const PATIENCE = 15000; // ms that a busy server may take to answer to the newest choice
const WAIT = 3000; // ms after which a step that was asked for is not waited for any more

function button(text, label, className, onClick) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  if (label) element.setAttribute("aria-label", label);
  element.className = className;
  element.addEventListener("click", onClick);
  return element;
}

function make(parentElement) {
  const state = { chosenAt: 0, askedAt: 0, phase: 0, step: null };
  const row = (className) => {
    const element = document.createElement("div");
    element.className = className;
    return element;
  };
  state.root = row("bikd-stepper");
  state.walk = row("bikd-walk");
  state.pills = row("bikd-phases");
  state.pills.setAttribute("role", "group");
  state.pills.setAttribute("aria-label", "Phases of the step");
  state.back = button("◀ Back", "", "bikd-back", () => move(state, -1));
  state.next = button("Next ▶", "", "bikd-next", () => move(state, 1));
  state.walk.append(state.back, state.pills, state.next);
  const more = row("bikd-more");
  state.select = document.createElement("select");
  state.select.setAttribute("aria-label", "Recorded step");
  state.select.addEventListener("change", () => show(state, Number(state.select.value)));
  state.note = document.createElement("output");
  state.inner = button("+ one inner step", "One inner step more", "bikd-ask", () => ask(state, "inner"));
  state.outer = button("+ one outer step", "One outer step more", "bikd-ask", () => ask(state, "outer"));
  more.append(state.select, state.note, state.inner, state.outer);
  state.root.append(state.walk, more);
  state.root.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target === state.select) return;
    event.preventDefault();
    move(state, by);
  });
  parentElement.append(state.root);
  return state;
}

const newest = (state) => state.data.steps.at(-1)?.[0] ?? 0;
const shownStep = (state) => state.step ?? state.data.nearest;

// The place after a move, or null where there is none.
function target(state, by) {
  const { phases, steps, nearest } = state.data;
  const index = steps.findIndex(([step]) => step === shownStep(state));
  if (index < 0) return null;
  const phase = state.phase + by;
  if (phase >= 0 && phase < phases.length) return { phase, step: state.step };
  const other = steps[index + by];
  if (!other) return null;
  return { phase: by < 0 ? phases.length - 1 : 0, step: other[0] === nearest ? null : other[0] };
}

function move(state, by) {
  const to = target(state, by);
  if (to) choose(state, to.phase, to.step);
}

function choose(state, phase, step) {
  state.phase = phase;
  state.step = step;
  state.chosenAt = performance.now();
  render(state);
  state.component.setStateValue("place", { phase, step });
}

// Show a step, in the same phase.
function show(state, step) {
  const chosen = step === state.data.nearest ? null : step;
  if (chosen !== state.step) choose(state, state.phase, chosen);
}

function ask(state, level) {
  state.askedAt = performance.now();
  state.seen = newest(state);
  state.awaits = true; // to show what it brings
  render(state);
  setTimeout(() => render(state), WAIT + 50);
  state.component.setTriggerValue("ask", level);
}

function renderPills(state) {
  const { phases } = state.data;
  if (state.pills.childElementCount !== phases.length) {
    state.pills.replaceChildren(
      ...phases.map((_, phase) => button("", "", "bikd-phase", () => choose(state, phase, state.step))),
    );
  }
  phases.forEach((name, phase) => {
    const pill = state.pills.children[phase];
    pill.textContent = `${phase + 1} ${name}`;
    const isShown = phase === state.phase;
    pill.classList.toggle("bikd-on", isShown);
    if (isShown) pill.setAttribute("aria-current", "step");
    else pill.removeAttribute("aria-current");
    pill.disabled = state.data.steps.length === 0;
  });
}

function renderSteps(state) {
  const { steps } = state.data;
  const listed = JSON.stringify(steps);
  if (listed !== state.listed) {
    state.listed = listed;
    state.select.replaceChildren(
      ...steps.toReversed().map(([step, epoch]) => new Option(`step ${step} · epoch ${epoch}`, String(step))),
    );
  }
  state.select.disabled = steps.length === 0;
  state.select.value = String(shownStep(state));
  state.note.textContent = noteOf(state);
}

// Says which of the recorded steps is shown, and why that one.
function noteOf(state) {
  const { steps, epoch } = state.data;
  const which = steps.findIndex(([step]) => step === shownStep(state));
  if (which < 0) return "no step recorded yet";
  const isNearest = epoch && state.step === null && steps[which][1] !== epoch;
  const why = isNearest ? `the nearest to epoch ${epoch} · ` : "";
  if (steps.length === 1) return `${why}the only recorded step`;
  return why + (which === steps.length - 1 ? `the newest of ${steps.length} recorded` : `${which + 1} of ${steps.length} recorded`);
}

function render(state) {
  const waits = newest(state) === state.seen && performance.now() - state.askedAt < WAIT;
  renderPills(state);
  renderSteps(state);
  state.back.disabled = !target(state, -1);
  state.next.disabled = !target(state, 1);
  for (const asks of [state.inner, state.outer]) {
    asks.disabled = state.data.why_not !== "" || waits;
    asks.title = state.data.why_not || "Trains on for one step, then waits";
  }
}

export default function (component) {
  const { data, parentElement } = component;
  let state = steppers.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    steppers.set(parentElement, state);
  }
  const hasMoved = state.data && state.data.epoch !== data.epoch; // the epoch slider
  state.component = component;
  state.data = data;
  const isAnswer = data.phase === state.phase && data.step === state.step;
  if (isAnswer || performance.now() - state.chosenAt > PATIENCE) {
    state.phase = data.phase;
    state.step = data.step;
  }
  if (state.awaits && newest(state) > state.seen) {
    state.awaits = false;
    show(state, newest(state));
  } else if (hasMoved) {
    show(state, data.nearest);
  }
  render(state);
}
