// Draws a Plotly figure into one element for as long as the element lives: Plotly.react keeps
// zoom and node while `revision` is the same. Colours come from the page's theme at each draw.

// Of the same version: the address of this script ends with it. An exported file holds them all.
const beside = (name) =>
  import(window.bikdScripts?.[name] ?? new URL(`${name}${new URL(import.meta.url).search}`, import.meta.url));
const [{ operable }, { marked }, { tableButtons }] = await Promise.all(
  ["plot_keys.js", "glossary_terms.js", "plot_table.js"].map(beside),
);

const figures = new WeakMap(); // parentElement -> what is on the page
const ZOOM_ENDS_AFTER = 400; // ms: Plotly waits for a second click before it takes the zoom over

function loadPlotly(url) {
  if (!window.bikdPlotly) {
    window.bikdPlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(url, document.baseURI).href;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        window.bikdPlotly = null;
        reject(new Error(`plotly.js could not be loaded from ${script.src}`));
      };
      document.head.appendChild(script);
    });
  }
  return window.bikdPlotly;
}

function themeOf(element) {
  const style = getComputedStyle(element);
  const value = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: value("--st-text-color", "#222222"),
    background: value("--st-background-color", "#ffffff"),
    grid: value("--st-border-color", "#dddddd"),
    font: value("--st-font", "sans-serif"),
  };
}

// For exported files, which cannot hold the page's own font: a font that every machine has, and
// some room around the figure, since that font may be wider.
const PAPER = { text: "#222222", background: "#ffffff", grid: "#dddddd", font: "Arial, Helvetica, sans-serif" };
const PAPER_ADDS = { l: 16, r: 26, t: 36, b: 0 }; // px to the margins; above, the title
const PAPER_WIDTH = 600; // px at least: a title takes that

function templateOf(theme) {
  const axis = {
    gridcolor: theme.grid,
    linecolor: theme.grid,
    zerolinecolor: theme.grid,
    spikecolor: theme.text,
    spikethickness: 1,
    automargin: false,
    title: { font: { size: 14 } },
  };
  return {
    layout: {
      font: { color: theme.text, family: theme.font },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: theme.background, // plotly.js chooses contrasting colours by it, and takes a transparent one for white
      xaxis: axis,
      yaxis: axis,
      hoverlabel: {
        bgcolor: theme.background, // otherwise the lines show through a hover box
        bordercolor: theme.text,
        font: { size: 14, family: theme.font, color: theme.text },
      },
      modebar: { color: theme.text, activecolor: theme.text, bgcolor: "rgba(0,0,0,0)" },
    },
  };
}

const BLUE = "#0072B2";
const SKY_BLUE = "#56B4E9"; // of the same palette: stands out on a dark page, as blue on a light one

function isDark(colour) {
  const parts = colour.match(/^#(..)(..)(..)$/);
  return parts !== null && parts.slice(1).every((part) => parseInt(part, 16) < 100);
}

// Plotly reads some HTML in any text: names that a file held may be no link and no style of ours.
// What stays is that of our own figures: bold, line ends, and the coloured mark before a line's name.
const FOREIGN_TAG = /<(?!\/?(?:b|br|extra)>|span style="color:#[0-9A-Fa-f]{6}">■<\/span>|(?<=■<)\/span>)/g;
const ENTITY = /&(?=#?\w+;)/g;

function plain(text) {
  return text.replace(ENTITY, "&amp;").replace(FOREIGN_TAG, "&lt;");
}

// "theme:text" and "theme:background" anywhere in the figure become the theme's colours, and
// text becomes plain.
function coloured(value, theme) {
  if (value === "theme:text") return theme.text;
  if (value === "theme:background") return theme.background;
  if (typeof value === "string") {
    return plain(isDark(theme.background) ? value.replace(BLUE, SKY_BLUE) : value);
  }
  if (Array.isArray(value)) return value.map((item) => coloured(item, theme));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, theme)]));
  }
  return value;
}

// Presenting ---------------------------------------------------------------------------------------

const LEGIBLE = 20; // px: text that is read from the back row
const SMALLEST = 14; // px of the figures' own text; what is smaller is drawn so
const LARGEST = 2.6; // times as large at most
const SHORTEST = 0.7; // of a figure's own height
const ROOMY = 900; // px of a window in which figures may be enlarged
// As style.css has it: on a large projector all that is on a page is a quarter larger.
const isLarge = () => window.innerWidth >= 1700 && window.innerHeight >= 900;
const FOOT = 64; // px below a figure: the presenter's bar

const isPresenting = () => document.querySelector(".st-key-presenting") !== null;

// Return how high the sentence is going to be: it is not written before its plot is drawn.
function heightOfSentence({ figure, sentence, data }) {
  const probe = sentence.cloneNode();
  probe.textContent = data.sentence;
  probe.style.cssText = `position: absolute; visibility: hidden; width: ${sentence.offsetWidth}px`;
  figure.append(probe);
  const height = probe.offsetHeight;
  probe.remove();
  return height;
}

// Where an element begins while nothing is scrolled. An exported file scrolls as a whole.
function topOf(stage) {
  const scrolled = document.querySelector("[data-testid=stMain]")?.scrollTop ?? window.scrollY;
  return stage.getBoundingClientRect().top + scrolled;
}

// While presenting, a figure fills the window as it was designed, only larger, small print and all.
function fit(shown) {
  const { data, stage, plot } = shown;
  let height = data.height;
  shown.scale = window.innerWidth < ROOMY ? 1 : enlarged(shown);
  if (isPresenting() && !data.is_small) {
    const room = window.innerHeight - topOf(stage) - heightOfSentence(shown) - FOOT;
    shown.scale = Math.max(LEGIBLE / SMALLEST, Math.min(room / height, LARGEST));
    height = Math.max(SHORTEST * height, Math.min(height, room / shown.scale));
  }
  const { scale } = shown;
  stage.style.height = `${Math.ceil(height * scale)}px`;
  plot.style.height = `${height}px`;
  plot.style.width = `${100 / scale}%`;
  plot.style.transform = scale === 1 ? "" : `scale(${scale})`;
  return height;
}

// Return how much a figure is enlarged: less where what stands below it would leave the window.
function enlarged(shown) {
  const { data, stage } = shown;
  if (!data.foot) return data.scale === 1 && !data.is_small && isLarge() ? 1.25 : data.scale;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const room = window.innerHeight - topOf(stage) - heightOfSentence(shown) - data.foot * rem;
  return Math.max(1, Math.min(room / data.height, data.scale));
}

function legible(value, key = "") {
  if (Array.isArray(value)) return value.map((item) => legible(item));
  if (value === null || typeof value !== "object") return value;
  const whole = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, legible(v, k)]));
  if (/font$/.test(key) && whole.size < SMALLEST) whole.size = SMALLEST;
  return whole;
}

function make(parentElement) {
  const figure = document.createElement("figure");
  const title = document.createElement("h3");
  const stage = document.createElement("div");
  const plot = document.createElement("div");
  const sentence = document.createElement("figcaption");
  const nothing = document.createElement("div");
  figure.className = "bikd-figure";
  figure.setAttribute("role", "figure");
  title.className = "bikd-title";
  stage.className = "bikd-stage";
  plot.className = "bikd-plot";
  nothing.className = "bikd-empty";
  sentence.className = "bikd-sentence";
  stage.append(plot);
  figure.append(title, stage, sentence);
  parentElement.append(figure);
  const shown = { figure, title, stage, plot, sentence, nothing, data: null, scale: 1, inTurn: Promise.resolve() };
  shown.refreshKeys = operable(figure, plot, (point) => {
    if (shown.data.is_clickable) tell(shown, { points: [point] });
  });
  // New data wait while a hand drags: a redraw would end its zoom half-way.
  plot.addEventListener(
    "pointerdown",
    (event) => {
      shown.isHeld = true;
      // A redraw forgets what was under the pointer, and Plotly tells a click of nothing else.
      const isOnPlot = event.target.classList.contains("drag");
      if (shown.data.is_clickable && isOnPlot) window.Plotly.Fx.hover(plot, event);
    },
    true,
  );
  shown.letGo = () => {
    if (!shown.isHeld) return;
    setTimeout(() => {
      shown.isHeld = false;
      show(shown);
    }, ZOOM_ENDS_AFTER);
  };
  window.addEventListener("pointerup", shown.letGo);
  window.addEventListener("pointercancel", shown.letGo);
  // Plotly itself follows the window only: the side bar opens and closes beside the plot.
  new ResizeObserver(() => {
    const { _fullLayout, clientWidth } = plot;
    if (_fullLayout && clientWidth && clientWidth !== _fullLayout.width) window.Plotly.Plots.resize(plot);
  }).observe(plot);
  shown.fitAgain = () => {
    if (isPresenting() || isLarge() || shown.scale !== 1 || shown.data?.foot) show(shown);
  };
  window.addEventListener("resize", shown.fitAgain);
  return shown;
}

function exportButton(Plotly, shown) {
  return {
    name: "Download as SVG",
    icon: Plotly.Icons.camera,
    click: (graph) => {
      const { title, sentence, file_name, data, layout } = shown.data;
      const theme = { ...themeOf(shown.figure), ...PAPER };
      const margin = { ...layout.margin };
      for (const [side, added] of Object.entries(PAPER_ADDS)) margin[side] += added;
      const axes = {};
      for (const name of ["xaxis", "yaxis"]) {
        axes[name] = { ...coloured(layout[name], theme), range: graph._fullLayout[name].range.slice() };
      }
      const template = templateOf(theme);
      template.layout.paper_bgcolor = theme.background;
      Plotly.downloadImage(
        {
          data: coloured(data, theme),
          layout: {
            ...coloured(layout, theme),
            ...axes,
            template,
            margin,
            title: { text: title, font: { size: 18 }, x: 0, xanchor: "left", y: 1, yanchor: "top", pad: { l: 14, t: 12 } },
            meta: { sentence },
          },
        },
        {
          format: "svg",
          filename: file_name,
          width: Math.max(PAPER_WIDTH, graph._fullLayout.width + PAPER_ADDS.l + PAPER_ADDS.r),
          height: graph._fullLayout.height + PAPER_ADDS.t,
        },
      );
    },
  };
}

// Made once for each element: with another config Plotly.react makes a new plot, without the zoom.
function configOf(Plotly, shown) {
  return {
    responsive: true,
    displaylogo: false,
    showSendToCloud: false, // plotly.js 4 offers to upload the chart to its maker's servers
    displayModeBar: shown.data.is_small ? false : "hover",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"],
    modeBarButtonsToAdd: [exportButton(Plotly, shown), ...tableButtons(shown)],
  };
}

// Where marks overlap, a click means a point rather than the surface under it; where several lines
// share a hover text, it means the nearest line.
function meant(shown, points, event) {
  const scattered = points.filter(({ fullData }) => fullData.type === "scatter");
  if (scattered.length < 2 || !event) return scattered[0] ?? points[0];
  const at = (event.clientY - shown.plot.getBoundingClientRect().top) / shown.scale;
  const distance = ({ yaxis, y }) => Math.abs(yaxis._offset + yaxis.l2p(y) - at);
  return scattered.reduce((best, point) => (distance(point) < distance(best) ? point : best));
}

function tell(shown, { points, event }) {
  const point = meant(shown, points, event);
  const value = { uid: point.fullData.uid, x: point.x, y: point.y, customdata: point.customdata };
  shown.component.setTriggerValue("point", value);
}

// A title that stays keeps its elements, and with them the focus.
function entitle(title, data) {
  if (title.textContent !== data.title) title.replaceChildren(...marked(data.title, data.terms));
}

// The words change together with the plot: a finished sentence over an older plot would be wrong.
function say({ data, figure, title, sentence }) {
  figure.setAttribute("aria-label", data.alt);
  entitle(title, data);
  sentence.textContent = data.data.length === 0 ? "" : data.sentence;
}

// New plots come one by one, and the page is painted between two: all at once, the first would be
// seen after the last. Plots that are there already are drawn at once, so that they show one epoch.
let newPlots = Promise.resolve();

function drawInTurn(shown) {
  if (shown.plot._fullLayout) return draw(shown);
  const drawn = newPlots.then(() => draw(shown));
  newPlots = drawn.catch(() => {}).then(() => new Promise(afterPaint));
  return drawn;
}

function afterPaint(resolve) {
  if (document.hidden) setTimeout(resolve); // a page that is not seen is not painted
  else requestAnimationFrame(() => setTimeout(resolve));
}

async function draw(shown) {
  const Plotly = await loadPlotly(shown.data.plotly);
  const { data } = shown; // the newest, not what was there when the wait began
  if (!shown.figure.isConnected || shown.isHeld || data.data.length === 0) return;
  const theme = themeOf(shown.figure);
  const sized = shown.scale === 1 ? (value) => value : legible;
  const layout = {
    ...sized(coloured(data.layout, theme)),
    height: fit(shown),
    autosize: true,
    uirevision: data.revision,
    template: templateOf(theme),
  };
  shown.config ??= configOf(Plotly, shown);
  await Plotly.react(shown.plot, sized(coloured(data.data, theme)), layout, shown.config);
  shown.nothing.remove();
  say({ ...shown, data });
  shown.refreshKeys(data);
  if (data.is_clickable && !shown.hearsClicks) {
    shown.hearsClicks = true;
    shown.plot.on("plotly_click", (click) => tell(shown, click));
  }
}

function show(shown) {
  const { data, figure, title, plot, sentence, nothing } = shown;
  figure.classList.toggle("bikd-small", data.is_small);
  fit(shown);
  if (data.data.length === 0) {
    say(shown);
    if (window.Plotly && plot._fullLayout) window.Plotly.purge(plot);
    shown.hearsClicks = false;
    shown.refreshKeys(null);
    nothing.textContent = data.sentence;
    plot.append(nothing);
    return;
  }
  if (!plot._fullLayout) {
    entitle(title, data);
    nothing.textContent = "Drawing …";
    plot.append(nothing);
  }
  // One draw after the other; of several that wait, the last one draws the newest data.
  shown.inTurn = shown.inTurn
    .then(() => drawInTurn(shown))
    .catch((error) => {
      nothing.remove();
      sentence.textContent = `${data.sentence} (The picture could not be drawn: ${error.message})`;
    });
}

export default function (component) {
  const {
    data: [data],
    parentElement,
  } = component;
  let shown = figures.get(parentElement);
  if (!shown || !shown.figure.isConnected) {
    shown = make(parentElement);
    figures.set(parentElement, shown);
    // The theme may change while no new data come.
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => setTimeout(() => show(shown), 150);
    dark.addEventListener("change", redraw);
    shown.release = () => {
      dark.removeEventListener("change", redraw);
      window.removeEventListener("pointerup", shown.letGo);
      window.removeEventListener("pointercancel", shown.letGo);
      window.removeEventListener("resize", shown.fitAgain);
    };
  }
  shown.component = component;
  shown.data = data;
  show(shown);
  return () => {
    // Also called before a redraw: only what has left the page is given up.
    setTimeout(() => {
      if (shown.figure.isConnected) return;
      shown.release();
      if (window.Plotly) window.Plotly.purge(shown.plot);
    }, 1000);
  };
}
