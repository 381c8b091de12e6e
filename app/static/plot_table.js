// The numbers of a figure as a table, a row a point: as CSV, and as Parquet where a server makes it.

const GRID = { width: 16, height: 16, path: "M1 1H15V15H1Z M2.5 5V8H7V5Z M9 5V8H13.5V5Z M2.5 10V13.5H7V10Z M9 10V13.5H13.5V10Z" };
const COLUMNS = { width: 16, height: 16, path: "M1 1H4.5V15H1Z M6.2 1H9.8V15H6.2Z M11.5 1H15V15H11.5Z" };
const FORMULA = /^[=+\-@\t\r]/; // a table program would compute a text that begins so

const isList = (value) => Array.isArray(value) || ArrayBuffer.isView(value);
const plain = (text) => new DOMParser().parseFromString(text ?? "", "text/html").body.textContent.trim();

// What an axis shows at a value: its words for it, where it has words for each value of a trace.
function wordsOf(axis, values) {
  const { tickvals, ticktext, type } = axis;
  if (type === "log" || !isList(tickvals) || !isList(ticktext)) return null;
  const words = new Map(Array.from(tickvals, (value, i) => [value, plain(ticktext[i])]));
  const given = Array.from(values).filter((value) => value !== null && value !== undefined);
  const areWords = given.every((value) => words.has(value)) && ![...words.values()].every((word) => Number(word) === Number(word));
  return given.length && areWords ? words : null;
}

function columnOf(trace, letter, layout) {
  const axis = layout[`${letter}axis${(trace[`${letter}axis`] ?? letter).slice(1)}`];
  const name = plain(axis._input?.title?.text) || letter; // Plotly itself fills in words for the empty
  const words = wordsOf(axis, trace[letter] ?? []);
  return { name, of: (value) => (words?.has(value) ? words.get(value) : value) };
}

// Places along an axis may be given by the first one and their distance.
const placeOf = (trace, letter, i) => trace[letter]?.[i] ?? (trace[letter] ? null : (trace[`${letter}0`] ?? 0) + i * (trace[`d${letter}`] ?? 1));

function pointsOf(trace, layout) {
  const x = columnOf(trace, "x", layout);
  const y = columnOf(trace, "y", layout);
  if (y.name === x.name) y.name = `${y.name} (y)`;
  const point = (atX, atY, more) => ({ series: plain(trace._input?.name), [x.name]: x.of(atX), [y.name]: y.of(atY), ...more });
  if (isList(trace.z)) {
    const value = plain(trace.colorbar?.title?.text) || "value";
    return Array.from(trace.z).flatMap((row, i) =>
      Array.from(row, (z, j) => point(placeOf(trace, "x", j), placeOf(trace, "y", i), { [value]: z, ...named(trace.customdata?.[i]?.[j]) })),
    );
  }
  const length = Math.max(trace.x?.length ?? 0, trace.y?.length ?? 0);
  return Array.from({ length }, (_, i) =>
    point(placeOf(trace, "x", i), placeOf(trace, "y", i), { ...bounds(trace, i), ...named(trace.customdata?.[i]) }),
  ).filter((row) => row[x.name] !== null && row[y.name] !== null);
}

function bounds(trace, i) {
  const found = {};
  for (const letter of ["x", "y"]) {
    const error = trace[`error_${letter}`];
    if (!error?.visible || !isList(error.array)) continue;
    found.plus = error.array[i];
    found.minus = error.symmetric || !isList(error.arrayminus) ? error.array[i] : error.arrayminus[i];
  }
  return found;
}

// What stands at a point when the pointer is on it, and is in no axis.
function named(data) {
  if (data === undefined || data === null) return {};
  if (!isList(data)) return { label: typeof data === "string" ? plain(data.replaceAll("<br>", ", ")) : data };
  return Object.fromEntries(Array.from(data, (value, i) => [i ? `label ${i + 1}` : "label", value]));
}

// Of a drawn figure: the names of its columns, and its rows, with null where a part has no value.
export function tableOf({ _fullData, _fullLayout }) {
  const points = _fullData.filter(({ hoverinfo, visible }) => visible === true && hoverinfo !== "skip").flatMap((trace) => pointsOf(trace, _fullLayout));
  const columns = [...new Set(points.flatMap(Object.keys))].filter((name) => points.some((point) => point[name] !== "" && point[name] !== undefined));
  return { columns, rows: points.map((point) => columns.map((name) => point[name] ?? null)) };
}

function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf({ columns, rows }) {
  return [columns, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function saveParquet(graph, shown) {
  const { file_name, parquet } = shown.data;
  const answer = await fetch(new URL(parquet, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(tableOf(graph)),
  }).catch(() => null);
  if (answer?.ok) save(await answer.blob(), `${file_name}.parquet`);
  else shown.sentence.textContent = `${shown.data.sentence} (No Parquet file: ${answer ? await answer.text() : "the server does not answer."})`;
}

// `shown.data.parquet` is the address that makes Parquet of a table; an exported file has none.
export function tableButtons(shown) {
  const csv = {
    name: "Download data as CSV",
    icon: GRID,
    click: (graph) => save(new Blob(["\ufeff", csvOf(tableOf(graph))], { type: "text/csv" }), `${shown.data.file_name}.csv`),
  };
  const parquet = { name: "Download data as Parquet", icon: COLUMNS, click: (graph) => saveParquet(graph, shown) };
  return shown.data.parquet ? [csv, parquet] : [csv];
}
