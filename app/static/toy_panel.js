// The elements of a toy: the plane, its controls, its lines of numbers.

// Of the same version: the address of this script ends with it.
const load = (name) => import(new URL(`${name}${new URL(import.meta.url).search}`, import.meta.url));
const { COLOURS } = await load("toy_paint.js");
const { element } = await load("dom_element.js");

const SHAPES = [
  '<circle cx="8" cy="8" r="6"/>',
  '<rect x="2.5" y="2.5" width="11" height="11" rx="1.5"/>',
  '<path d="M8 1.5 15 13.8H1Z"/>',
];
let count = 0; // of toys on the page: names of their radio buttons

function choice(panel, name, legend, options, onChoose) {
  const field = element("fieldset");
  field.dataset.control = name;
  const row = element("span", "bikd-toy-choice");
  const inputs = options.map(([value, text]) => {
    const label = element("label");
    const input = element("input");
    Object.assign(input, { type: "radio", name: `bikd-toy-${name}-${count}`, value });
    input.addEventListener("change", () => onChoose(value));
    label.append(input, text);
    row.append(label);
    return input;
  });
  field.append(element("legend", "", legend), row);
  panel.append(field);
  return (value) => inputs.forEach((input) => (input.checked = input.value === value));
}

function slider(panel, onMove) {
  const label = element("label", "bikd-toy-slider");
  label.dataset.control = "imbalance";
  const input = element("input");
  // Its steps are steps of the logarithm: from 1 to 2 matters as much as from 30 to 60.
  Object.assign(input, { type: "range", min: 0, max: 100, step: 1 });
  const output = element("output");
  label.append(element("span", "", "Imbalance"), input, output);
  panel.append(label);
  let highest = 60;
  const factor = () => Math.round(highest ** (input.value / 100));
  const say = (value) => {
    output.textContent = `${value}×`;
    input.setAttribute("aria-valuetext", `${value} frequent points to one rare point`);
  };
  input.addEventListener("input", () => {
    say(factor());
    onMove(factor());
  });
  return (value, max) => {
    highest = max;
    input.value = Math.round((100 * Math.log(value)) / Math.log(max));
    say(Math.round(value));
  };
}

function button(parent, text, title, onClick) {
  const made = element("button", "", text);
  made.type = "button";
  made.title = title;
  made.addEventListener("click", onClick);
  parent.append(made);
  return made;
}

function mark(label) {
  const colour = COLOURS[label];
  return `<svg viewBox="0 0 16 16" aria-hidden="true" fill="${colour}" stroke="#1B2430" stroke-width="0.8">${SHAPES[label]}</svg>`;
}

// w_hard is written with an index.
function signOf(name) {
  const [base, index] = name.split("_");
  return index ? [base, element("sub", "", index)] : [base];
}

// A line for each class, with the choice of the class that a click adds.
function table(panel, onChoose, glossary) {
  const made = element("table");
  const head = element("thead");
  const row = element("tr");
  head.append(row);
  for (const name of ["Class", "Points", "Student", "Teacher", "w_hard", "w_soft"]) {
    const cell = element("th");
    cell.scope = "col";
    cell.append(...signOf(name));
    row.append(cell);
    const [mark] = glossary.marks[name] ?? [];
    if (mark) glossary.script.then(({ linked }) => cell.replaceChildren(linked(signOf(name), mark)));
  }
  const body = element("tbody");
  const rows = COLOURS.map((colour, label) => {
    const row = element("tr");
    row.innerHTML =
      `<th scope="row"><label><input type="radio" data-control="points" name="bikd-toy-add-${count}">${mark(label)}<span></span></label></th><td></td>` +
      `<td><span class="bikd-toy-bar" style="color:${colour}"><i></i></span><b></b></td><td></td><td></td><td></td>`;
    row.querySelector("input").addEventListener("change", () => onChoose(label));
    body.append(row);
    return row;
  });
  made.append(head, body);
  panel.append(made);
  const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)} %`);
  const weight = (value) => (value === null ? "–" : value.toFixed(2));
  return (classes, chosen) => {
    classes.forEach((line, label) => {
      const [head, points, right, teacher, hard, soft] = rows[label].children;
      head.querySelector("span").textContent = line.name;
      head.querySelector("input").checked = label === chosen;
      points.textContent = line.num_train;
      right.querySelector("b").textContent = percent(line.student);
      right.querySelector("i").style.width = `${100 * (line.student ?? 0)}%`;
      teacher.textContent = percent(line.teacher);
      hard.textContent = weight(line.w_hard);
      soft.textContent = weight(line.w_soft);
    });
  };
}

// Returns the elements of a toy, and functions that show values in them.
export function build(parentElement, on, { url, marks }) {
  const glossary = { marks, script: import(new URL(url, document.baseURI)) };
  count += 1;
  const root = element("section", "bikd-toy");
  root.setAttribute("aria-label", "Toy: points on a plane");
  const frame = element("div", "bikd-toy-frame");
  const plane = element("div", "bikd-toy-plane");
  const canvas = element("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  const state = element("span", "bikd-toy-state");
  plane.append(canvas, state);
  const panel = element("div", "bikd-toy-panel");
  frame.append(plane, panel);
  root.append(frame);
  const chooseMethod = choice(panel, "method", "Method", [["bikd", "BiKD"], ["kd", "KD"], ["ce", "CE"]], on.method);
  const chooseGround = choice(panel, "ground", "Background", [["student", "student"], ["teacher", "teacher"]], on.ground);
  const chooseSize = choice(panel, "size", "Points sized by", [["hard", "hard weight"], ["soft", "soft weight"]], on.size);
  const showFactor = slider(panel, on.factor);
  const buttons = element("div", "bikd-toy-buttons");
  buttons.dataset.control = "buttons";
  const pause = button(buttons, "Pause", "Pause or go on", on.pause);
  const epoch = button(buttons, "One epoch", "Train for one epoch, while paused", on.epoch);
  button(buttons, "Restart", "Train anew on the points as they are", on.restart);
  button(buttons, "Reset", "Put all points back and train anew", on.reset);
  panel.append(buttons);
  const sentence = element("p", "bikd-toy-sentence");
  const notes = element("div", "bikd-toy-notes");
  notes.setAttribute("role", "status");
  const hint = element("p", "bikd-toy-hint");
  const showClasses = table(panel, on.label, glossary);
  panel.append(sentence, notes, hint);
  const live = element("p", "unseen");
  live.setAttribute("role", "status");
  root.append(live);
  parentElement.append(root);
  return {
    ...{ root, canvas, state, pause, epoch, sentence, notes, hint, live },
    ...{ chooseMethod, chooseGround, chooseSize, showFactor, showClasses },
  };
}

// Hides the controls that are not in the list.
export function showControls(root, names) {
  for (const part of root.querySelectorAll("[data-control]")) part.hidden = !names.includes(part.dataset.control);
}
