// Paints a toy's plane: the ground in the colours of the classes, the boundaries, the points.

// Okabe and Ito's: frequent and rare as many and few elsewhere in the app.
export const COLOURS = ["#009E73", "#E69F00", "#CC79A7"];
const CONTOURS = 7; // steps of certainty in the ground
const CELLS = 340; // of the painted ground, at most, along a side
export const RING = 9; // px, radius of a point of D_val

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function themeOf(element) {
  const style = getComputedStyle(element);
  const value = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = value("--st-background-color", "#ffffff");
  const background = rgb(probe.fillStyle);
  const isDark = background[0] + background[1] + background[2] < 384;
  return { background, isDark, text: value("--st-text-color", "#222222"), paper: probe.fillStyle };
}

// Where a cell lies between those of the grid, and how much each of four neighbours counts: cubic
// B-splines, so that boundaries bend without corners.
function neighbours(size, grid) {
  const at = new Int16Array(4 * size);
  const share = new Float32Array(4 * size);
  for (let cell = 0; cell < size; cell++) {
    const place = ((cell + 0.5) / size) * grid - 0.5;
    const first = Math.floor(place);
    const t = place - first;
    const shares = [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3];
    for (let k = 0; k < 4; k++) {
      at[4 * cell + k] = Math.min(grid - 1, Math.max(0, first - 1 + k));
      share[4 * cell + k] = shares[k] / 6;
    }
  }
  return { at, share };
}

function enlarged(values, grid, size, { at, share }) {
  const rows = new Float32Array(grid * size);
  for (let y = 0; y < grid; y++) {
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (let k = 4 * x; k < 4 * x + 4; k++) sum += share[k] * values[y * grid + at[k]];
      rows[y * size + x] = sum;
    }
  }
  const whole = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let k = 4 * y; k < 4 * y + 4; k++) {
      const from = at[k] * size;
      const part = share[k];
      for (let x = 0; x < size; x++) whole[y * size + x] += part * rows[from + x];
    }
  }
  return whole;
}

// The colour of each class at each certainty, in 255ths: steps like those of a map.
function palette(theme) {
  const colours = new Uint8ClampedArray(4 * 3 * 256);
  const strongest = theme.isDark ? 0.55 : 0.56;
  COLOURS.map(rgb).forEach((colour, label) => {
    for (let share = 0; share < 256; share++) {
      const certainty = Math.max(0, (share / 255 - 0.36) / 0.64);
      const step = Math.min(1, Math.floor(certainty * CONTOURS) / (CONTOURS - 1));
      const strength = 0.1 + (strongest - 0.1) * (0.65 * step + 0.35 * certainty);
      const at = 4 * (256 * label + share);
      for (let k = 0; k < 3; k++) {
        colours[at + k] = theme.background[k] + (colour[k] - theme.background[k]) * strength;
      }
      colours[at + 3] = 255;
    }
  });
  return new Uint32Array(colours.buffer);
}

// How much of a cell the boundary covers, from its distance: the lead over its steepness.
function boundaryAt(i, size, lead, winner, other) {
  const slope = (by) => (winner[i + by] - winner[i - by] - other[i + by] + other[i - by]) / 2;
  const steepness = Math.hypot(slope(1), slope(size));
  const covered = 1.35 - lead / steepness;
  return covered > 0 ? Math.min(1, covered) : 0; // at the plane's edge it is not a number
}

function whiten(data, at, share) {
  for (let k = at; k < at + 3; k++) data[k] += (255 - data[k]) * 0.9 * share;
}

function paintGround(state, theme) {
  const { ground, grid } = state;
  const size = Math.min(CELLS, state.canvas.width);
  if (state.cells?.width !== size) {
    state.cells = new OffscreenCanvas(size, size);
    state.near = neighbours(size, grid);
  }
  const context = state.cells.getContext("2d");
  const image = context.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = palette(theme);
  const half = grid * grid;
  const first = enlarged(ground.subarray(0, half), grid, size, state.near);
  const second = enlarged(ground.subarray(half), grid, size, state.near);
  const third = new Float32Array(size * size);
  for (let i = 0; i < third.length; i++) third[i] = 255 - first[i] - second[i];
  const shares = [first, second, third];
  for (let i = 0; i < pixels.length; i++) {
    let winner = first[i] >= second[i] ? 0 : 1;
    if (third[i] > shares[winner][i]) winner = 2;
    const share = shares[winner][i];
    pixels[i] = colours[256 * winner + Math.min(255, Math.round(share))];
    if (share > 160) continue; // no boundary is near
    const [a, b] = winner === 0 ? [1, 2] : winner === 1 ? [0, 2] : [0, 1];
    const other = shares[a][i] > shares[b][i] ? shares[a] : shares[b];
    const whiteness = boundaryAt(i, size, share - other[i], shares[winner], other);
    if (whiteness > 0) whiten(image.data, 4 * i, whiteness);
  }
  context.putImageData(image, 0, 0);
}

// A path of the class's shape around a place: disc, square, triangle.
function outline(context, label, x, y, radius) {
  context.beginPath();
  if (label === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
  else if (label === 1) context.roundRect(x - 0.88 * radius, y - 0.88 * radius, 1.76 * radius, 1.76 * radius, 0.25 * radius);
  else {
    const side = 1.25 * radius;
    context.moveTo(x, y - side);
    context.lineTo(x + 0.94 * side, y + 0.72 * side);
    context.lineTo(x - 0.94 * side, y + 0.72 * side);
    context.closePath();
  }
}

// Area goes with the weight, so that a point of twice the weight looks twice as heavy.
export const radiusOf = (weight) => (weight === null ? 3 : 2.1 + 9.5 * Math.sqrt(weight));

function paintPoint(context, point, at, theme) {
  const colour = COLOURS[point.label];
  const edge = theme.isDark ? "#0B1016" : "#FFFFFF";
  if (point.isVal) {
    context.beginPath();
    context.arc(...at, RING, 0, 2 * Math.PI);
    context.fillStyle = edge;
    context.fill();
    context.lineWidth = 1.8;
    context.strokeStyle = theme.isDark ? "#FFFFFF" : "#1B2430";
    context.stroke();
    outline(context, point.label, ...at, 4.6);
    context.fillStyle = colour;
    context.fill();
    return;
  }
  outline(context, point.label, ...at, point.radius);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 1.4;
  context.strokeStyle = edge;
  context.stroke();
}

// Paints all: `state` has canvas, ground (or null), points, grid and the id of the selected point.
export function paint(state, isGroundNew) {
  const { canvas, points } = state;
  const ratio = window.devicePixelRatio || 1;
  const side = canvas.clientWidth;
  if (!side) return;
  const pixels = Math.round(side * ratio);
  const isResized = canvas.width !== pixels;
  if (isResized) canvas.width = canvas.height = pixels;
  const theme = themeOf(canvas);
  const context = canvas.getContext("2d");
  if (state.ground && (isGroundNew || isResized || state.paper !== theme.paper)) paintGround(state, theme);
  state.paper = theme.paper;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  if (state.ground) context.drawImage(state.cells, 0, 0, pixels, pixels);
  else {
    context.fillStyle = theme.paper;
    context.fillRect(0, 0, pixels, pixels);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const place = (point) => [((point.x + 1) / 2) * side, ((1 - point.y) / 2) * side];
  // Small ones last, so that no heavy point hides a light one; D_val on top.
  const order = [...points].sort((a, b) => a.isVal - b.isVal || b.radius - a.radius);
  for (const point of order) paintPoint(context, point, place(point), theme);
  const chosen = points.find((point) => point.id === state.selected);
  if (chosen) {
    context.beginPath();
    context.arc(...place(chosen), chosen.radius + 6, 0, 2 * Math.PI);
    context.lineWidth = 2.5;
    context.strokeStyle = theme.text;
    context.setLineDash([5, 3]);
    context.stroke();
    context.setLineDash([]);
  }
}
