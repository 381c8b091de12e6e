// Turns the cards of a baked lesson: the page's own card, slider, figure and sound, fed from this
// file instead of a server. The address ends with the card's number: learn.html#3.

const { cards, pair, scale } = window.bikdData;
window.bikdLearn = `${location.href.split("#")[0]}#`; // where terms lead to
const load = (name) => import(window.bikdScripts[name]);
const [{ element }, { marked }, { unpacked, drawInto }, { default: lessonCard }, { default: liveSlider }, { default: runSound }] =
  await Promise.all(["dom_element.js", "glossary_terms.js", "baked_plot.js", "lesson_card.js", "live_slider.js", "run_sound.js"].map(load));
const at = (id) => document.getElementById(id);
const LINE = 22; // px
const KEPT = "bikdAnswers";
const state = { number: 1, answers: keptAnswers(), values: new Map(), stage: null, drawn: 0 };
const drawings = new Map(); // stage -> promise of its figures

function keptAnswers() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    return {}; // a browser may forbid it: then the answers last as long as the page
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(state.answers));
  } catch {
    // as above
  }
}

const answerNow = () => state.answers[state.number] ?? null;

function stageNow() {
  const card = cards[state.number - 1];
  return answerNow() === null ? card.before : card.after;
}

const valueOf = (stage) => state.values.get(stage) ?? stage.knob?.value ?? 0;
const placeOf = (stage) => (stage.knob ? valueOf(stage) - stage.knob.low : 0);

function hear(name, value) {
  if (name === "language") {
    location.assign(`${value === "en" ? "learn" : `learn-${value}`}.html#${state.number}`);
    return;
  }
  if (name === "answer") state.answers[state.number] ??= value;
  if (name === "move") {
    state.number = value;
    history.pushState(null, "", `#${value}`);
  }
  keep();
  queueMicrotask(draw);
}

// The holders are new where the card or its side of the reveal is.
function furnish(stage) {
  if (state.stage === stage) return;
  state.stage = stage;
  const name = element("span", "bikd-knob-name");
  if (stage.knob) name.append(...marked(stage.knob.label, stage.knob.terms, (card) => hear("move", card)));
  at("knob").replaceChildren(...(stage.knob ? [name, element("div")] : []));
  at("sound").replaceChildren();
  if (stage.sound) runSound({ data: [stage.sound], parentElement: at("sound") });
}

function drawKnob(stage) {
  if (!stage.knob) return;
  const setStateValue = (name, value) => {
    state.values.set(stage, value);
    queueMicrotask(draw);
  };
  const data = { ...stage.knob, value: valueOf(stage) };
  liveSlider({ data, parentElement: at("knob").lastChild, setStateValue, setTriggerValue() {} });
}

async function drawFigure(stage) {
  const number = ++state.drawn;
  if (!drawings.has(stage)) drawings.set(stage, unpacked(stage.drawings));
  const drawn = await drawings.get(stage);
  if (number !== state.drawn) return; // another value is wanted
  const revision = `${state.number} ${answerNow() !== null}`;
  drawInto(at("figure"), `card-${state.number}`, drawn[placeOf(stage)], { revision, scale, foot: stage.foot + (cards[state.number - 1].more ? LINE : 0) });
}

function drawWords(stage) {
  const filled = (text) => text.replace("{epoch}", valueOf(stage));
  const link = element("a", "", "Look at this run");
  link.href = filled(stage.run);
  const card = cards[state.number - 1];
  const words = [`${filled(stage.said)} `, link, card.more && ` · ${card.more}`];
  if (card.isLast && answerNow() !== null) {
    const on = element("a", "", "Compare two runs");
    on.href = pair;
    words.push(" · ", on);
  }
  at("said").replaceChildren(...words.filter(Boolean));
}

function draw() {
  const stage = stageNow();
  const text = stage.texts[stage.texts.length > 1 ? placeOf(stage) : 0];
  lessonCard({ data: [{ ...text, answer: answerNow() }], parentElement: at("card"), setTriggerValue: hear });
  furnish(stage);
  drawKnob(stage);
  drawWords(stage);
  drawFigure(stage);
}

function follow() {
  const wanted = location.hash.slice(1);
  const number = Number(wanted);
  const isThere = Number.isInteger(number) && number >= 1 && number <= cards.length;
  at("note").textContent = wanted && !isThere ? `There is no card ${wanted.slice(0, 20)}: the lesson has ${cards.length}. Card 1 is shown.` : "";
  state.number = isThere ? number : 1;
  draw();
}

window.addEventListener("hashchange", follow);
window.addEventListener("popstate", follow);
follow();
document.body.dataset.ready = "true";
