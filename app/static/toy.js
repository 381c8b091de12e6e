// One toy: takes frames, moves what is drawn towards them, and sends what the visitor changes.
// Edits have rising numbers and are sent until a frame says that it holds them.

const query = new URL(import.meta.url).search; // all scripts of a toy have one version
const load = (name) => import(new URL(`${name}${query}`, import.meta.url));
const { paint, radiusOf, RING } = await load("toy_paint.js");
const { build, showControls } = await load("toy_panel.js");
const { element } = await load("dom_element.js");

const toys = new WeakMap(); // parentElement -> state
const SEND_EVERY = 200; // ms, while something is dragged
const GROUND_EVERY = 45; // ms between two paintings of the ground, which take some
const EASE_MS = 150; // in which what is drawn comes two thirds closer to the newest frame
const STILL = 4; // px that a click may move
const STEP = 0.05; // of the plane, by a key
const NAMES = ["frequent", "middle", "rare"];
const hintFor = (label) => `Drag a ring of D_val. A click on the background adds a ${NAMES[label]} point, a click on a point drops it.`;
const prefersStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function decoded(frame) {
  const buffer = (name) => bytes(frame[name]).buffer;
  const ids = new Int32Array(buffer("ids"));
  const places = new Int16Array(buffer("places"));
  const labels = bytes(frame.labels);
  const weights = bytes(frame.weights);
  const known = (value) => (value === undefined || value === 255 ? null : value / 254);
  return Array.from(ids, (id, at) => ({
    id,
    label: labels[at],
    x: places[2 * at] / 32767,
    y: places[2 * at + 1] / 32767,
    isVal: at >= frame.num_train,
    hard: at < frame.num_train ? known(weights[2 * at]) : null,
    soft: at < frame.num_train ? known(weights[2 * at + 1]) : null,
  }));
}

// Edits ----------------------------------------------------------------------------------------

function send(state) {
  clearTimeout(state.timer);
  state.timer = null;
  state.sentAt = performance.now();
  state.component.setStateValue("edits", [...state.pending]);
}

function edit(state, kind, more = {}) {
  const last = state.pending.at(-1);
  const replaces = last && last.kind === kind && (kind === "factor" || (kind === "move" && last.id === more.id));
  if (replaces) state.pending.pop();
  state.number += 1;
  state.pending.push({ number: state.number, kind, ...more });
  const wait = SEND_EVERY - (performance.now() - state.sentAt);
  if (wait <= 0) send(state);
  else state.timer ??= setTimeout(() => send(state), wait);
  settle(state);
}

// The points as they will be once the server has taken all edits.
function pointsNow(state) {
  const points = new Map(state.points.map((point) => [point.id, point]));
  for (const { kind, id, number, x, y, label } of state.pending) {
    if (kind === "move" && points.has(id)) points.set(id, { ...points.get(id), x, y });
    else if (kind === "drop" && !points.get(id)?.isVal) points.delete(id);
    else if (kind === "add") points.set(-number, { id: -number, label, x, y, isVal: false, hard: null, soft: null });
  }
  const { drag } = state;
  if (drag?.isMoved && points.has(drag.id)) points.set(drag.id, { ...points.get(drag.id), x: drag.x, y: drag.y });
  return points;
}

// Drawing --------------------------------------------------------------------------------------

// Sets what is drawn to be moved to, and moves it.
function settle(state) {
  state.target = pointsNow(state);
  if (!state.turn) {
    state.movedAt = performance.now();
    state.turn = requestAnimationFrame((now) => move(state, now));
  }
}

function move(state, now) {
  state.turn = null;
  if (!state.parts.root.isConnected) return;
  const share = prefersStill() ? 1 : 1 - Math.exp(-Math.max(1, now - state.movedAt) / EASE_MS);
  state.movedAt = now;
  const isGroundMoving = moveGround(state, share);
  const isMoving = movePoints(state, share) || isGroundMoving;
  const isDue = !isMoving || now - state.groundAt > GROUND_EVERY;
  if (isDue) state.groundAt = now;
  Object.assign(state.view, { canvas: state.parts.canvas, points: [...state.drawn.values()], selected: state.selected });
  paint(state.view, isDue);
  if (isMoving) state.turn = requestAnimationFrame((later) => move(state, later));
}

function moveGround(state, share) {
  // While the teacher learns there is nothing of the student to see.
  const target = state.grounds[state.data.frame.phase === "teacher" ? "teacher" : state.ground];
  const { view } = state;
  if (!target?.length) return false;
  if (!view.ground) {
    view.ground = Float32Array.from(target);
    view.grid = Math.sqrt(target.length / 2);
    return true;
  }
  let farthest = 0;
  for (let i = 0; i < target.length; i++) {
    const way = target[i] - view.ground[i];
    farthest = Math.max(farthest, Math.abs(way));
    view.ground[i] += way * share;
  }
  return farthest > 0.7;
}

function movePoints(state, share) {
  const { drawn, target } = state;
  let isMoving = false;
  for (const id of drawn.keys()) if (!target.has(id)) drawn.delete(id);
  for (const [id, point] of target) {
    const radius = point.isVal ? RING : radiusOf(point[state.size]);
    const before = drawn.get(id);
    if (!before || point.isVal || state.drag?.id === id) {
      drawn.set(id, { ...point, radius: before?.radius ?? (point.isVal ? radius : 0.5) });
      isMoving ||= !before;
    }
    const now = drawn.get(id);
    for (const [name, goal] of [["x", point.x], ["y", point.y], ["radius", radius]]) {
      const way = goal - now[name];
      now[name] += way * share;
      if (Math.abs(way) > 0.003) isMoving = true;
    }
  }
  return isMoving;
}

// Hand -----------------------------------------------------------------------------------------

function placeOf(state, event) {
  const box = state.parts.canvas.getBoundingClientRect();
  const within = (value) => Math.max(-1, Math.min(1, value));
  return {
    x: within(((event.clientX - box.left) / box.width) * 2 - 1),
    y: within(1 - ((event.clientY - box.top) / box.height) * 2),
    unit: 2 / box.width, // of the plane, per px
  };
}

function pointAt(state, { x, y, unit }) {
  let best = null;
  let least = Infinity;
  for (const point of state.drawn.values()) {
    const distance = Math.hypot(point.x - x, point.y - y) / unit;
    const reach = point.isVal ? 15 : Math.max(7, point.radius + 3);
    const rank = distance - (point.isVal ? 20 : 0); // a ring lies above the points
    if (distance <= reach && rank < least) [best, least] = [point, rank];
  }
  return best;
}

function hearHand(state) {
  const { canvas } = state.parts;
  const canEdit = () => state.data.controls.includes("points");
  canvas.addEventListener("pointerdown", (event) => {
    if (!canEdit() || event.button) return;
    const at = placeOf(state, event);
    const point = pointAt(state, at);
    state.drag = { id: point?.id ?? null, ...at, fromX: event.clientX, fromY: event.clientY, isMoved: false, grip: point && { x: point.x - at.x, y: point.y - at.y } };
    canvas.setPointerCapture(event.pointerId);
  });
  // A finger on a point drags it; elsewhere it scrolls the page.
  canvas.addEventListener("touchstart", (event) => {
    if (canEdit() && pointAt(state, placeOf(state, event.touches[0]))) event.preventDefault();
  }, { passive: false });
  canvas.addEventListener("pointermove", (event) => {
    const at = placeOf(state, event);
    const { drag } = state;
    if (!drag) return hover(state, pointAt(state, at));
    if (Math.hypot(event.clientX - drag.fromX, event.clientY - drag.fromY) > STILL) drag.isMoved = true;
    if (!drag.isMoved || drag.id === null) return;
    drag.x = Math.max(-1, Math.min(1, at.x + drag.grip.x));
    drag.y = Math.max(-1, Math.min(1, at.y + drag.grip.y));
    if (drag.id >= 0) edit(state, "move", { id: drag.id, x: drag.x, y: drag.y });
  });
  canvas.addEventListener("pointerup", (event) => release(state, placeOf(state, event)));
  canvas.addEventListener("pointercancel", () => (state.drag = null));
}

function release(state, { x, y }) {
  const { drag } = state;
  state.drag = null;
  if (!drag) return;
  const point = state.target.get(drag.id);
  if (drag.isMoved) {
    if (point && drag.id >= 0) edit(state, "move", { id: drag.id, x: drag.x, y: drag.y });
  } else if (!point) edit(state, "add", { label: state.label, x, y });
  else if (point.isVal) choose(state, point.id);
  else if (point.id >= 0) edit(state, "drop", { id: point.id });
}

function describe(point) {
  const name = `${NAMES[point.label]} point${point.isVal ? " of D_val" : ""}`;
  const weight = (value) => value.toFixed(2);
  const weights = point.hard === null ? "" : `, hard weight ${weight(point.hard)}, soft weight ${weight(point.soft)}`;
  return `${name} at ${point.x.toFixed(2)}, ${point.y.toFixed(2)}${weights}`;
}

function hover(state, point) {
  const { canvas, hint } = state.parts;
  canvas.style.cursor = point ? (point.isVal ? "grab" : "pointer") : "crosshair";
  const text = describe(point ?? state.target.get(state.selected) ?? { label: 0, x: 0, y: 0, hard: null });
  const isAny = point || state.target.has(state.selected);
  hint.textContent = isAny ? `${text[0].toUpperCase()}${text.slice(1)}.` : hintFor(state.label);
}

// Keys -----------------------------------------------------------------------------------------

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function choose(state, id) {
  state.selected = id;
  settle(state);
  hover(state, null);
  const point = state.target.get(id);
  if (point) state.parts.live.textContent = describe(point);
}

// The nearest point in a direction; from nowhere, the first ring.
function neighbour(state, [dx, dy]) {
  const from = state.target.get(state.selected);
  const points = [...state.target.values()];
  if (!from) return points.find((point) => point.isVal)?.id ?? points[0]?.id;
  let best = from.id;
  let least = Infinity;
  for (const { id, x, y } of points) {
    const along = (x - from.x) * dx + (y - from.y) * dy;
    const beside = Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx);
    if (id !== from.id && along > 0.001 && along + 2 * beside < least) [best, least] = [id, along + 2 * beside];
  }
  return best;
}

function hearKeys(state) {
  state.parts.canvas.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    const point = state.target.get(state.selected);
    const canEdit = state.data.controls.includes("points");
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (way && event.shiftKey) {
      if (point?.id >= 0 && canEdit) {
        const within = (value) => Math.max(-1, Math.min(1, value));
        edit(state, "move", { id: point.id, x: within(point.x + STEP * way[0]), y: within(point.y + STEP * way[1]) });
        choose(state, point.id);
      }
    } else if (way) choose(state, neighbour(state, way));
    else if (["Delete", "Backspace"].includes(event.key) && canEdit && point?.id >= 0) {
      const next = point.isVal ? point.id : neighbour(state, WAYS.ArrowRight);
      edit(state, "drop", { id: point.id });
      choose(state, next);
    } else if (["a", "A", "Insert"].includes(event.key) && canEdit) {
      edit(state, "add", { label: state.label, x: Math.min(1, (point?.x ?? 0) + STEP), y: point?.y ?? 0 });
      state.parts.live.textContent = `Added a ${NAMES[state.label]} point.`;
    } else if (event.key === "Escape" && point) choose(state, null);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page has arrows of its own
  });
}

// Whole ----------------------------------------------------------------------------------------

function make(component) {
  const { parentElement } = component;
  const [data] = component.data;
  const state = {
    ...{ component, data, number: data.last_edit, pending: [], sentAt: -Infinity, timer: null },
    ...{ points: [], target: new Map(), drawn: new Map(), grounds: {}, view: { ground: null }, turn: null, groundAt: -Infinity },
    ...{ drag: null, selected: null, label: 2, ground: data.preset.ground, size: data.preset.size },
  };
  const again = (name) => (value) => {
    state[name] = value;
    settle(state);
    hover(state, null);
  };
  const press = (kind) => () => edit(state, kind);
  state.parts = build(parentElement, {
    ...{ method: (value) => edit(state, "method", { value }), factor: (value) => edit(state, "factor", { value }) },
    ...{ ground: again("ground"), size: again("size"), label: again("label") },
    ...{ pause: () => edit(state, state.data.is_paused ? "play" : "pause"), epoch: press("epoch") },
    ...{ restart: press("restart"), reset: press("reset") },
  }, data.glossary);
  state.parts.hint.textContent = hintFor(state.label);
  hearHand(state);
  hearKeys(state);
  hearPage(state);
  if (prefersStill() && !data.is_paused) edit(state, "pause");
  return state;
}

function hearPage(state) {
  const tell = () => {
    if (state.parts.root.isConnected) state.component.setStateValue("hidden", document.hidden);
    else document.removeEventListener("visibilitychange", tell);
  };
  document.addEventListener("visibilitychange", tell);
  if (document.hidden) tell();
  const { canvas } = state.parts;
  new ResizeObserver(() => settle(state)).observe(canvas);
}

// Shows only what the visitor has no newer wish for.
function render(state) {
  const { data, parts } = state;
  const waits = new Set(state.pending.map(({ kind }) => kind));
  parts.state.textContent = data.state;
  parts.sentence.textContent = data.sentence;
  if (!waits.has("method")) parts.chooseMethod(data.method);
  if (!waits.has("factor")) parts.showFactor(data.factor, data.max_factor);
  parts.chooseGround(state.ground);
  parts.chooseSize(state.size);
  parts.showClasses(data.classes, state.label);
  parts.pause.textContent = data.is_paused ? "Go on" : "Pause";
  parts.epoch.disabled = !data.is_paused;
  const shown = [...parts.notes.children].map((note) => note.textContent);
  if (shown.join("\n") !== data.notes.join("\n")) {
    parts.notes.replaceChildren(...data.notes.map((note) => element("p", "", note)));
  }
  showControls(parts.root, data.controls);
  const { sentence } = data;
  parts.canvas.setAttribute(
    "aria-label",
    `${state.points.length} points on a plane. ${data.state}. ${sentence} Arrow keys choose a point, with Shift they move it, Delete drops it, A adds one.`,
  );
}

export default function (component) {
  const { parentElement } = component;
  const [data] = component.data;
  let state = toys.get(parentElement);
  if (!state || !state.parts.root.isConnected) {
    state = make(component);
    toys.set(parentElement, state);
  }
  Object.assign(state, { component, data });
  const { frame } = data;
  state.pending = state.pending.filter(({ number }) => number > frame.last_edit);
  state.points = decoded(frame);
  state.grounds = { student: bytes(frame.student), teacher: bytes(frame.teacher) };
  render(state);
  settle(state);
}
