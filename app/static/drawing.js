// A digit is drawn here; it is sent as 8×8 numbers of ink, as the data set has them, and what the
// networks answer is drawn beside it, for the label that the visitor says it has.

const { element } = await import(new URL(`dom_element.js${new URL(import.meta.url).search}`, import.meta.url));

const fields = new WeakMap(); // parentElement -> state
const SIDE = 216; // px of the pad's own pixels
const INK = 4.4; // width of a line, of a box of 32, in which the data set's digits stand
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const two = (value) => value.toFixed(2);
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const best = (shares) => shares.indexOf(Math.max(...shares));

// Drawing --------------------------------------------------------------------------------------

function strokeAll(context, strokes, place, width) {
  Object.assign(context, { lineWidth: width, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach((point, at) => (at ? context.lineTo(...place(point)) : context.moveTo(...place(point))));
    if (stroke.length === 1) context.lineTo(...place(stroke[0]).map((value) => value + 0.01));
    context.stroke();
  }
}

// The drawing as the data set's digits are: as high as the box, in the middle, 4×4 dots a pixel.
function pixelsOf(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Array(64).fill(0);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (32 - INK) / Math.max(bottom - top, right - left, 1);
  const place = ([x, y]) => [16 + (x - (left + right) / 2) * scale, 16 + (y - (top + bottom) / 2) * scale];
  const context = new OffscreenCanvas(32, 32).getContext("2d");
  strokeAll(context, strokes, place, INK);
  const { data } = context.getImageData(0, 0, 32, 32);
  const ink = new Array(64).fill(0);
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) ink[8 * (y >> 2) + (x >> 2)] += data[4 * (32 * y + x) + 3] / 255;
  }
  return ink.map((value) => Math.round(Math.min(16, value)));
}

function paintPad(state) {
  const { pad } = state;
  const context = pad.getContext("2d");
  const style = getComputedStyle(pad);
  const ink = style.getPropertyValue("--st-text-color").trim() || "#222222";
  context.clearRect(0, 0, SIDE, SIDE);
  if (state.strokes.length) {
    context.strokeStyle = ink;
    strokeAll(context, state.strokes, (point) => point, SIDE / 12);
    return;
  }
  const { answer, picture } = state.data;
  if (!answer || picture === null || state.isCleared) return;
  context.fillStyle = ink;
  answer.pixels.forEach((value, at) => {
    context.globalAlpha = value / 255;
    context.fillRect(((at % 8) * SIDE) / 8, (Math.floor(at / 8) * SIDE) / 8, SIDE / 8 + 0.5, SIDE / 8 + 0.5);
  });
  context.globalAlpha = 1;
}

function send(state, more) {
  state.number = Math.max(state.number, state.data.answer?.number ?? 0) + 1;
  state.component.setStateValue("picture", { number: state.number, ...more });
}

function hearPad(state) {
  const { pad } = state;
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    state.isDrawing = true;
    state.strokes.push([at(event)]);
    paintPad(state);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!state.isDrawing) return;
    state.strokes.at(-1).push(at(event));
    paintPad(state);
  });
  const end = () => {
    if (state.isDrawing) send(state, { pixels: pixelsOf(state.strokes) });
    state.isDrawing = false;
  };
  pad.addEventListener("pointerup", end);
  pad.addEventListener("pointercancel", end);
}

// What they say --------------------------------------------------------------------------------

// Shows a text at once, and the meanings of its terms as soon as their script is here.
function markTerms(state, root, text) {
  const { url, marks } = state.glossary;
  root.textContent = text;
  import(new URL(url, document.baseURI)).then(({ marked }) => root.replaceChildren(...marked(text, marks[text] ?? [])));
}

function makeTable(state) {
  const table = element("table");
  const head = element("thead");
  head.innerHTML = '<tr><th scope="col">It is a</th><th scope="col"></th><th scope="col"></th></tr>';
  ["Student says", "Teacher says"].forEach((text, at) => markTerms(state, head.querySelectorAll("th")[at + 1], text));
  const body = element("tbody");
  const name = `bikd-label-${Math.random().toString(36).slice(2)}`;
  state.rows = Array.from({ length: 10 }, (_, label) => {
    const row = element("tr");
    row.innerHTML =
      `<th scope="row"><label><input type="radio" name="${name}">${label}</label></th>` +
      '<td class="bikd-bar"><span><i></i><b></b></span></td><td class="bikd-bar bikd-teacher"><span><i></i><b></b></span></td>';
    row.querySelector("input").addEventListener("change", () => {
      state.label = label;
      showAnswer(state);
    });
    body.append(row);
    return row;
  });
  table.append(head, body);
  return table;
}

function showAnswer(state) {
  const { answer } = state.data;
  if (!answer) return;
  const { label } = state;
  state.rows.forEach((row, at) => {
    row.classList.toggle("bikd-meant", at === label);
    row.querySelector("input").checked = at === label;
    [answer.student, answer.teacher].forEach((shares, column) => {
      const cell = row.children[column + 1];
      cell.querySelector("i").style.width = `${72 * shares[at]}%`;
      cell.querySelector("b").textContent = shares[at] < 0.005 ? "" : percent(shares[at]);
    });
  });
  const [hard, soft] = answer.weights[label];
  const [student, teacher] = answer.losses[label];
  state.sentence.textContent =
    `The student says ${best(answer.student)}, the teacher ${best(answer.teacher)}. As a training picture of a ${label} ` +
    `its label would count ${two(hard)}, the teacher ${two(soft)}: the cross-entropies are ${two(student)} and ${two(teacher)} nats.`;
  paintMap(state);
}

function colourAt(share) {
  const at = Math.min(3.999, Math.max(0, share * 4));
  const [low, high] = [VIRIDIS[Math.floor(at)], VIRIDIS[Math.floor(at) + 1]];
  return low.map((value, k) => value + (high[k] - value) * (at % 1));
}

// The surface of w_hard, with a ring where the picture lies.
function paintMap(state) {
  const { answer, axis } = state.data;
  const values = bytes(answer.surface);
  const size = Math.sqrt(values.length / 2);
  const image = new ImageData(size, size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = 4 * ((size - 1 - row) * size + column); // the teacher's loss rises upwards
      image.data.set([...colourAt(values[row * size + column] / 254), 255], at);
    }
  }
  const cells = new OffscreenCanvas(size, size);
  cells.getContext("2d").putImageData(image, 0, 0);
  const context = state.map.getContext("2d");
  const side = state.map.width;
  context.imageSmoothingQuality = "high";
  context.drawImage(cells, 0, 0, side, side);
  const [low, high] = axis.map(Math.log);
  const along = (loss) => Math.min(0.97, Math.max(0.03, (Math.log(Math.max(loss, 1e-9)) - low) / (high - low)));
  const [student, teacher] = answer.losses[state.label];
  for (const [colour, width] of [["#111111", 6], ["#FFFFFF", 3]]) {
    context.beginPath();
    context.arc(along(student) * side, (1 - along(teacher)) * side, 10, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.stroke();
  }
  const [hard] = answer.weights[state.label];
  state.map.setAttribute(
    "aria-label",
    `Surface of w_hard over the student's loss and the teacher's. This picture lies at ${two(student)} and ${two(teacher)} nats, where w_hard is ${two(hard)}.`,
  );
}

// Whole ----------------------------------------------------------------------------------------

function makeInput(state) {
  const part = element("div", "bikd-drawing-input");
  state.pad = element("canvas", "bikd-pad");
  state.pad.width = state.pad.height = SIDE;
  state.pad.setAttribute("role", "img");
  state.pad.setAttribute("aria-label", "Draw a digit here with a mouse or a finger, or choose a test picture below");
  const clear = element("button", "", "Clear");
  clear.type = "button";
  clear.addEventListener("click", () => {
    state.strokes = [];
    state.isCleared = true;
    paintPad(state);
    send(state, { pixels: pixelsOf([]) });
  });
  const row = element("label", "bikd-drawing-row", "or test picture");
  state.choice = element("input");
  Object.assign(state.choice, { type: "number", min: 0, step: 1 });
  state.choice.addEventListener("change", () => {
    state.strokes = [];
    state.isCleared = false;
    send(state, { picture: state.choice.valueAsNumber });
  });
  row.append(state.choice);
  part.append(state.pad, clear, row);
  return part;
}

function make(component) {
  const root = element("section", "bikd-drawing");
  root.setAttribute("aria-label", "Draw a digit");
  const state = { root, component, strokes: [], isDrawing: false, isCleared: false, label: 0, number: 0, isGuessed: false, glossary: component.data[0].glossary };
  const frame = element("div", "bikd-drawing-frame");
  const said = element("div", "");
  state.sentence = element("p", "bikd-drawing-sentence");
  state.sentence.setAttribute("aria-live", "polite");
  state.notes = element("div", "bikd-drawing-notes");
  state.notes.setAttribute("role", "status");
  said.append(makeTable(state), state.sentence, state.notes);
  const part = element("div", "bikd-drawing-map");
  state.map = element("canvas");
  state.map.width = state.map.height = 240;
  state.map.setAttribute("role", "img");
  part.append(state.map, element("p", "", "How much a label counts (bright: much), by the student's loss (→) and the teacher's (↑)."));
  frame.append(makeInput(state), said, part);
  root.append(frame);
  component.parentElement.append(root);
  hearPad(state);
  return state;
}

export default function (component) {
  const { parentElement } = component;
  const [data] = component.data;
  let state = fields.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(component);
    fields.set(parentElement, state);
  }
  Object.assign(state, { component, data });
  const { answer } = data;
  // A test picture has a label; a drawing is taken for what the teacher sees, until somebody says.
  if (answer && (!state.isGuessed || state.answered !== answer.number)) {
    state.label = answer.label ?? best(answer.teacher);
    state.isGuessed = true;
    state.answered = answer.number;
  }
  state.choice.max = data.num_pictures - 1;
  if (data.picture !== null && document.activeElement !== state.choice) state.choice.value = data.picture;
  state.notes.replaceChildren(...data.notes.map((note) => element("p", "", note)));
  paintPad(state);
  showAnswer(state);
}
