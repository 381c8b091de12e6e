// Plays a baked run: the page's own slider and figures, fed from this file instead of a server.

const run = window.bikdData;
const load = (name) => import(window.bikdScripts[name]);
const [{ element }, { unpacked, drawInto }, { default: timeline }, { default: gallery }] = await Promise.all(
  ["dom_element.js", "baked_plot.js", "timeline.js", "gallery.js"].map(load),
);
const at = (id) => document.getElementById(id);
const state = { view: 0, chosen: null, step: 0, phase: 0, drawn: 0 };
const unpackedFrames = new Map(); // figure -> promise of its drawings

function framesOf(name) {
  if (!unpackedFrames.has(name)) unpackedFrames.set(name, unpacked(run.frames[name]));
  return unpackedFrames.get(name);
}

const wantedEpoch = () => state.chosen ?? run.last;

// The drawn epoch: the last one up to the wanted one.
function shownAt() {
  const wanted = wantedEpoch();
  return Math.max(0, run.epochs.findLastIndex((epoch) => epoch <= wanted));
}

const views = [...run.views.map(({ name, question }) => ({ name, question }))];
if (run.pictures) views.push({ name: "Pictures", question: "Which pictures get weight?" });
if (run.walk.length) views.push({ name: "One step", question: "What happens in one step of training?" });

// One holder for each figure of the open view, kept while the epochs change.
function place(rows) {
  const holders = [];
  at("figures").append(
    ...rows.map((names) => {
      const row = element("div", "row");
      row.append(
        ...names.map((name) => {
          const holder = element("div");
          holder.id = `figure-${name}`;
          holders.push([name, holder]);
          return holder;
        }),
      );
      return row;
    }),
  );
  return holders;
}

let holders = [];

async function drawFigures() {
  const number = ++state.drawn;
  const index = shownAt();
  for (const [name, holder] of holders) {
    const drawings = await framesOf(name);
    if (number !== state.drawn) return; // a newer epoch is wanted
    drawInto(holder, name, drawings[index]);
  }
}

// The pictures ------------------------------------------------------------------------------------

const isPictures = () => views[state.view].name === "Pictures";

function placePictures() {
  const orders = Object.keys(run.pictures.galleries);
  const bar = element("div", "walk");
  orders.forEach((order) => {
    const button = element("button", "", `by ${order}`);
    button.type = "button";
    button.setAttribute("aria-pressed", String(order === (state.order ?? orders[0])));
    button.addEventListener("click", () => {
      state.order = order;
      open(state.view);
    });
    bar.append(button);
  });
  const holder = element("div", "pictures");
  at("figures").append(...(orders.length > 1 ? [bar] : []), holder);
  state.gallery = { holder, shown: unpacked(run.pictures.galleries[state.order ?? orders[0]]) };
}

async function drawPictures() {
  const number = ++state.drawn;
  const shown = (await state.gallery.shown)[shownAt()];
  if (number !== state.drawn) return; // a newer epoch is wanted
  const sections = shown.sections.map(([title, pictures]) => [
    title,
    pictures.map((picture) => ({ ...picture, image: run.pictures.images[picture.image] })),
  ]);
  gallery({ data: { ...shown, sections, selected: null }, parentElement: state.gallery.holder, setTriggerValue() {} });
}

// The walk through a recorded step ----------------------------------------------------------------

function walkBar() {
  const bar = element("div", "walk");
  const select = element("select");
  select.setAttribute("aria-label", "Recorded step");
  select.append(...run.walk.map(({ step, epoch }, index) => new Option(`step ${step} · epoch ${epoch}`, index)));
  select.value = String(state.step);
  select.addEventListener("change", () => {
    state.step = Number(select.value);
    open(state.view);
  });
  bar.append(select);
  run.walk[state.step].phases.forEach(({ name }, phase) => {
    const button = element("button", "", `${phase + 1} ${name}`);
    button.type = "button";
    if (phase === state.phase) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => {
      state.phase = phase;
      open(state.view);
    });
    bar.append(button);
  });
  return bar;
}

async function drawWalk() {
  const number = ++state.drawn;
  const phase = run.walk[state.step].phases[state.phase];
  at("figures").append(walkBar(), element("p", "", phase.words));
  const rows = await Promise.all(phase.drawings.map(unpacked));
  if (number !== state.drawn) return;
  rows.forEach((drawings, row) => {
    const names = drawings.map((_, index) => `step-${state.phase}-${row}-${index}`);
    place([names]).forEach(([name, holder], index) => drawInto(holder, name, drawings[index]));
  });
}

// The address ends with view and epoch, so that a link leads there: #Weights/40.
function writeAddress() {
  const parts = [views[state.view].name, ...(state.chosen === null ? [] : [state.chosen])];
  history.replaceState(null, "", `#${parts.map(encodeURIComponent).join("/")}`);
}

// What an address does not say, or says wrongly, stands as at first.
function readAddress() {
  const [name, epoch] = location.hash.slice(1).split("/").map(readable);
  const number = Number(epoch);
  if (Number.isInteger(number) && number >= 1 && number <= run.last) state.chosen = number;
  return Math.max(0, views.findIndex((view) => view.name === name));
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

// The page ----------------------------------------------------------------------------------------

const isWalk = () => views[state.view].name === "One step";

function open(index) {
  state.view = index;
  writeAddress();
  at("views").replaceChildren(
    ...views.map(({ name }, number) => {
      const button = element("button", "", name);
      button.type = "button";
      button.setAttribute("aria-pressed", String(number === index));
      button.addEventListener("click", () => open(number));
      return button;
    }),
  );
  at("figures").replaceChildren();
  at("figures").setAttribute("aria-label", views[index].question);
  at("timeline").hidden = isWalk();
  if (isWalk()) drawWalk();
  else if (isPictures()) {
    placePictures();
    drawPictures();
  } else {
    holders = place(run.views[index].rows);
    drawFigures();
  }
  drawWords();
}

function drawWords() {
  const epoch = run.epochs[shownAt()];
  at("runs").replaceChildren(
    ...run.names.map((name, index) => {
      const line = element("div", "run");
      const side = run.names.length > 1 ? `${"AB"[index]} · ` : "";
      line.append(
        element("strong", "", `${side}${name}`),
        element("span", "", run.states[index]),
        element("span", "", isWalk() ? "" : run.accuracies[epoch][index]),
        element("span", "", run.summaries[index]),
      );
      return line;
    }),
  );
  const isBetween = !isWalk() && epoch !== wantedEpoch();
  at("note").textContent = isBetween ? `This file holds one epoch in ${run.stride}: epoch ${epoch} is drawn.` : "";
}

// The slider is answered here, where on the page the server does it.
function choose(epoch) {
  state.chosen = epoch;
  writeAddress();
  drawWords();
  if (isPictures()) drawPictures();
  else drawFigures();
  drawTimeline();
}

function drawTimeline() {
  timeline({
    data: { planned: run.planned, done: run.last, chosen: state.chosen, is_live: false },
    parentElement: at("timeline"),
    setStateValue: (name, value) => name === "epoch" && queueMicrotask(() => choose(value)),
  });
}

const kilobytes = (run.bytesPerEpoch / 1000).toFixed(1);
const stride = run.stride > 1 ? ` One epoch in ${run.stride} is drawn, to keep them below 10 MB.` : "";
at("about").textContent = `Made by the Bilevel Distillation Lab. It needs no server and no network. ${run.epochs.length} epochs are drawn, ${kilobytes} kB each.${stride} ${run.pictures ? `It holds ${run.pictures.images.length} training pictures.` : "It holds no training pictures."}`;
const first = readAddress();
drawTimeline();
open(first);
document.body.dataset.ready = "true";
