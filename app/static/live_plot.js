// Draws a Plotly figure into one element for as long as the element lives: Plotly.react keeps
// zoom and node while `revision` is the same. Colours come from the page's theme at each draw.

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

// "theme:text" and "theme:background" anywhere in the figure become the theme's colours.
function coloured(value, theme) {
  if (value === "theme:text") return theme.text;
  if (value === "theme:background") return theme.background;
  if (typeof value === "string" && isDark(theme.background)) return value.replace(BLUE, SKY_BLUE);
  if (Array.isArray(value)) return value.map((item) => coloured(item, theme));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, theme)]));
  }
  return value;
}

function make(parentElement) {
  const figure = document.createElement("figure");
  const title = document.createElement("h3");
  const plot = document.createElement("div");
  const sentence = document.createElement("figcaption");
  const nothing = document.createElement("div");
  figure.className = "bikd-figure";
  figure.setAttribute("role", "figure");
  title.className = "bikd-title";
  plot.className = "bikd-plot";
  nothing.className = "bikd-empty";
  sentence.className = "bikd-sentence";
  figure.append(title, plot, sentence);
  parentElement.append(figure);
  const shown = { figure, title, plot, sentence, nothing, data: null, inTurn: Promise.resolve() };
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
    modeBarButtonsToAdd: [exportButton(Plotly, shown)],
  };
}

// Where marks overlap, a click means a point rather than the surface under it; where several lines
// share a hover text, it means the nearest line.
function meant(shown, points, event) {
  const scattered = points.filter(({ fullData }) => fullData.type === "scatter");
  if (scattered.length < 2 || !event) return scattered[0] ?? points[0];
  const at = event.clientY - shown.plot.getBoundingClientRect().top;
  const distance = ({ yaxis, y }) => Math.abs(yaxis._offset + yaxis.l2p(y) - at);
  return scattered.reduce((best, point) => (distance(point) < distance(best) ? point : best));
}

function tell(shown, { points, event }) {
  const point = meant(shown, points, event);
  const value = { uid: point.fullData.uid, x: point.x, y: point.y, customdata: point.customdata };
  shown.component.setTriggerValue("point", value);
}

// The words change together with the plot: a finished sentence over an older plot would be wrong.
function say({ data, figure, title, sentence }) {
  figure.setAttribute("aria-label", data.alt);
  title.textContent = data.title;
  sentence.textContent = data.data.length === 0 ? "" : data.sentence;
}

async function draw(shown) {
  const Plotly = await loadPlotly(shown.data.plotly);
  const { data } = shown; // the newest, not what was there when the wait began
  if (!shown.figure.isConnected || shown.isHeld || data.data.length === 0) return;
  const theme = themeOf(shown.figure);
  const layout = {
    ...coloured(data.layout, theme),
    height: data.height,
    autosize: true,
    uirevision: data.revision,
    template: templateOf(theme),
  };
  shown.config ??= configOf(Plotly, shown);
  await Plotly.react(shown.plot, coloured(data.data, theme), layout, shown.config);
  shown.nothing.remove();
  say({ ...shown, data });
  if (data.is_clickable && !shown.hearsClicks) {
    shown.hearsClicks = true;
    shown.plot.on("plotly_click", (click) => tell(shown, click));
  }
}

function show(shown) {
  const { data, figure, title, plot, sentence, nothing } = shown;
  figure.classList.toggle("bikd-small", data.is_small);
  plot.style.height = `${data.height}px`;
  if (data.data.length === 0) {
    say(shown);
    if (window.Plotly && plot._fullLayout) window.Plotly.purge(plot);
    shown.hearsClicks = false;
    nothing.textContent = data.sentence;
    plot.append(nothing);
    return;
  }
  if (!plot._fullLayout) {
    title.textContent = data.title;
    nothing.textContent = "Drawing …";
    plot.append(nothing);
  }
  // One draw after the other; of several that wait, the last one draws the newest data.
  shown.inTurn = shown.inTurn
    .then(() => draw(shown))
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
