// Makes a figure one Tab stop: arrows go through its points, Enter selects one, as a click does.
// What Plotly's hover box shows of a point is also told to screen readers.

const HOVER_MS = 90; // Plotly draws at most one hover box in 50 ms
const MOVES = {
  ArrowLeft: ["x", -1],
  ArrowRight: ["x", 1],
  ArrowUp: ["y", -1],
  ArrowDown: ["y", 1],
  Home: ["along", -Infinity],
  End: ["along", Infinity],
};

// Where the marks are -----------------------------------------------------------------------------

// Return the marks of a trace that are in view, each with its place in px: in rows, of a map.
function marksOf(plot, trace, curve) {
  const { xaxis, yaxis } = plot._fullLayout._plots[trace.xaxis + trace.yaxis];
  const points = plot.calcdata[curve];
  const mark = (number, x, y, hover) => ({
    ...{ curve, uid: trace.uid, number, hover: { curveNumber: curve, ...hover } },
    ...{ x: xaxis._offset + xaxis.c2p(x), y: yaxis._offset + yaxis.c2p(y) },
    ...{ at: { x, y }, axes: { x: xaxis, y: yaxis } },
  });
  const isInView = ({ x, y }) =>
    [[x, xaxis], [y, yaxis]].every(([at, { _offset, _length }]) => at >= _offset - 1 && at <= _offset + _length + 1);
  if (!["heatmap", "contour"].includes(trace.type)) {
    const all = points.map(({ x, y }, number) => mark(number, x, y, { pointNumber: number }));
    return [all.filter(isInView)];
  }
  const [{ x, y, z, xCenter = x, yCenter = y }] = points;
  return z.map((row, at) =>
    Array.from(row, (value, column) => [value, column])
      .filter(([value]) => Number.isFinite(value))
      .map(([, column]) =>
        mark(`${at} ${column}`, xCenter[column], yCenter[at], { xval: xCenter[column], yval: yCenter[at] }),
      )
      .filter(isInView),
  );
}

const rises = (marks, name) => marks.every((mark, at) => at === 0 || mark[name] > marks[at - 1][name]);
const runsAlong = (marks, name) => rises(marks, name) || rises(marks.toReversed(), name);

// Whether an axis has a row for each class: its ticks are one apart, or categories.
function hasRows({ type, tickmode, tickvals }) {
  if (type !== "linear") return type === "category";
  const isOneApart = (value, at) => at === 0 || Math.abs(Math.abs(value - tickvals[at - 1]) - 1) < 1e-6;
  return tickmode === "array" && tickvals?.length > 1 && Array.from(tickvals).every(isOneApart);
}

// Return "x" or "y", along which a trace runs; "" for a cloud of points.
function directionOf(trace, marks) {
  if (trace.type === "bar") return trace.orientation === "h" ? "y" : "x";
  if (trace.mode.includes("lines")) return runsAlong(marks, "x") ? "x" : "y";
  return ["y", "x"].find((name) => hasRows(marks[0].axes[name])) ?? "";
}

// Return layers of marks: arrows move within one of them. A layer has series, which run along x or
// y, or is a cloud. Maps come last: what lies upon them is what can be selected.
function layersOf(plot) {
  const layers = new Map();
  const add = (key, along, series) => {
    if (!layers.has(key)) layers.set(key, { along, series: [] });
    layers.get(key).series.push(...series.map((marks) => marks.toSorted((a, b) => a[along || "x"] - b[along || "x"])));
  };
  const maps = [];
  plot._fullData.forEach((trace, curve) => {
    if (trace.visible !== true || trace.hoverinfo === "skip") return;
    const series = marksOf(plot, trace, curve).filter((marks) => marks.length);
    if (!series.length) return;
    if (trace.type === "heatmap" || trace.type === "contour") maps.push([`map ${curve}`, "x", series]);
    else {
      const along = directionOf(trace, series[0]);
      add(`${along} ${trace.xaxis}${trace.yaxis}`, along, series);
    }
  });
  maps.forEach((map) => add(...map));
  return [...layers.values()];
}

// Moving ------------------------------------------------------------------------------------------

const nearest = (marks, place, name) =>
  marks.reduce((best, mark) => (Math.abs(mark[name] - place) < Math.abs(best[name] - place) ? mark : best));

const within = (place, length) => Math.max(0, Math.min(place, length - 1));

// Return the mark that an arrow leads to, in the layer of the one before.
function moved({ along, series }, from, direction, by) {
  if (!along) {
    const name = direction === "along" ? "x" : direction;
    const cloud = series.flat().toSorted((a, b) => a[name] - b[name] || a.curve - b.curve || a.number - b.number);
    return cloud[within(cloud.indexOf(from) + by, cloud.length)];
  }
  const own = series.find((marks) => marks.includes(from));
  if (direction === along || direction === "along") return own[within(own.indexOf(from) + by, own.length)];
  // Across: each series by its mark beside this one. Where several meet, in their order.
  const beside = series.map((marks) => (marks === own ? from : nearest(marks, from[along], along)));
  const ordered = beside.toSorted((a, b) => a[direction] - b[direction]);
  return ordered[within(ordered.indexOf(from) + by, ordered.length)];
}

// Return where to begin in a layer: at the peak of its first curve.
const firstOf = ({ along, series: [marks] }) =>
  along === "x" ? marks.reduce((best, mark) => (mark.y < best.y ? mark : best)) : marks[0];

// Return the mark where the cursor stands, after the data may have changed.
function found(layers, cursor) {
  const all = layers.flatMap(({ series }) => series.flat());
  const same = all.find((mark) => mark.uid === cursor.uid && mark.number === cursor.number);
  return same ?? all.find((mark) => mark.uid === cursor.uid) ?? all[0];
}

// Words -------------------------------------------------------------------------------------------

const linesOf = (text) => {
  const lines = [...text.querySelectorAll("tspan.line")];
  return (lines.length ? lines : [text]).map((line) => line.textContent.trim());
};

// Return the name of the class in whose row a mark stands, if the axis names its rows.
function rowOf(axis, place) {
  if (!hasRows(axis) || typeof place !== "number" || !axis.ticktext) return "";
  const at = axis.tickvals.findIndex((value) => Math.abs(value - place) <= 0.5);
  return at < 0 ? "" : String(axis.ticktext[at]);
}

// Return what Plotly shows of a mark, with what its box leaves to the axes: where, and the unit.
function wordsOf(plot, { axes, at }, along) {
  const texts = [...plot.querySelectorAll(".hoverlayer .hovertext text")];
  const words = texts.flatMap(linesOf).filter(Boolean);
  const title = (axis) => axis.title?.text ?? "";
  if (String(plot._fullLayout.hovermode).endsWith("unified")) {
    words.splice(1, 0, `${title(axes.x)} ${Number(at.x.toPrecision(6))}`);
    words.push(title(axes.y));
  } else if (along === "y") {
    const row = rowOf(axes.y, at.y);
    if (row && !words[0]?.startsWith(row.split(" (")[0])) words.unshift(row);
  }
  return words.filter(Boolean).join(", ").replace(/^\d+(?=,| \(|$)/, "class $&");
}

// One figure's keys ---------------------------------------------------------------------------------

function place(state) {
  const { plot, ring, cursor } = state;
  ring.hidden = false;
  ring.style.left = `${cursor.x}px`;
  ring.style.top = `${cursor.y}px`;
  const { _id: x } = cursor.axes.x;
  window.Plotly.Fx.hover(plot, [cursor.hover], x + cursor.axes.y._id);
}

function stand(state, layer, mark, { isTold }) {
  state.cursor = mark;
  place(state);
  clearTimeout(state.timer);
  if (isTold) state.timer = setTimeout(() => (state.live.textContent = wordsOf(state.plot, mark, layer.along)), HOVER_MS);
}

function leave(state) {
  clearTimeout(state.timer);
  state.ring.hidden = true;
  state.live.textContent = "";
  if (state.plot._fullLayout) window.Plotly.Fx.unhover(state.plot);
}

// Tells what a click on the mark would; the hover box, which knows it, may still be on its way.
function selectMark(state) {
  const { plot, cursor, select } = state;
  setTimeout(() => {
    const point = plot._hoverdata?.find(({ curveNumber }) => curveNumber === cursor?.curve);
    if (point && state.cursor === cursor) select(point);
  }, HOVER_MS);
}

function hearToolbar(state, event) {
  const buttons = [...state.plot.querySelectorAll(".modebar-btn")];
  const at = buttons.indexOf(event.target);
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by) buttons[within(at + by, buttons.length)].focus();
  else if (event.key === "Escape") state.plot.focus();
  else return;
  stop(event);
}

function stop(event) {
  event.preventDefault(); // the page scrolls and the epoch slider moves by the same keys
  event.stopPropagation();
}

function hearKey(state, event) {
  const { plot } = state;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target !== plot) return hearToolbar(state, event);
  const layers = layersOf(plot);
  if (!layers.length) return;
  const mark = state.cursor ? found(layers, state.cursor) : null;
  const at = layers.findIndex(({ series }) => series.some((marks) => marks.includes(mark)));
  if (event.key in MOVES) {
    const layer = layers[Math.max(0, at)];
    stand(state, layer, mark ? moved(layer, mark, ...MOVES[event.key]) : firstOf(layer), { isTold: true });
  } else if (event.key === "PageDown" || event.key === "PageUp") {
    if (layers.length < 2) return;
    const layer = layers[(at + (event.key === "PageDown" ? 1 : layers.length - 1)) % layers.length];
    stand(state, layer, firstOf(layer), { isTold: true });
  } else if (event.key === "Enter" && state.cursor) selectMark(state);
  else if (event.key === "Escape") plot.blur();
  else if (event.key === "t") plot.querySelector(".modebar-btn")?.focus();
  else return;
  stop(event);
}

function begin(state) {
  const layers = layersOf(state.plot);
  if (!layers.length) return;
  const mark = state.cursor ? found(layers, state.cursor) : firstOf(layers[0]);
  stand(state, layers.find(({ series }) => series.some((marks) => marks.includes(mark))), mark, { isTold: true });
}

let counted = 0;

// Return a function to call after each draw, with the figure's data, or null where it is empty.
export function operable(figure, plot, select) {
  const ring = document.createElement("div");
  const live = document.createElement("p");
  const hint = document.createElement("p");
  ring.className = "bikd-ring";
  ring.hidden = true;
  live.className = hint.className = "unseen";
  live.setAttribute("aria-live", "polite");
  hint.id = `bikd-keys-${(counted += 1)}`;
  hint.hidden = true; // a description is read all the same
  figure.append(live, hint);
  const state = { plot, ring, live, select, cursor: null, timer: null };
  plot.addEventListener("keydown", (event) => hearKey(state, event));
  plot.addEventListener("focus", () => begin(state));
  plot.addEventListener("blur", () => leave(state));
  plot.addEventListener("mousedown", (event) => {
    event.preventDefault(); // no focus by the mouse: the arrows would leave the epoch slider
    if (!plot.contains(document.activeElement)) document.activeElement?.blur();
  });

  return (data) => {
    for (const button of plot.querySelectorAll(".modebar-btn")) button.tabIndex = -1;
    if (data === null) {
      for (const name of ["tabindex", "role", "aria-label", "aria-describedby"]) plot.removeAttribute(name);
      ring.remove();
      state.cursor = null;
      return;
    }
    plot.append(ring);
    plot.tabIndex = 0;
    plot.setAttribute("role", "application"); // or a screen reader keeps the arrows for itself
    plot.setAttribute("aria-roledescription", "chart");
    plot.setAttribute("aria-label", data.title || data.alt.split(". ")[0]);
    plot.setAttribute("aria-describedby", hint.id);
    hint.textContent =
      "Arrow keys go through classes and points" +
      (layersOf(plot).length > 1 ? ", Page Down to other marks" : "") +
      (data.is_clickable ? ", Enter selects" : "") +
      (data.is_small ? "." : ", t opens the toolbar.");
    if (document.activeElement !== plot || !state.cursor) return;
    const layers = layersOf(plot);
    const mark = layers.length ? found(layers, state.cursor) : null;
    if (mark) stand(state, null, mark, { isTold: false }); // nobody has moved
  };
}
