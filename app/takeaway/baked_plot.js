// Figures of an exported file: they are packed there, and drawn as on the page.

const { default: livePlot } = await import(window.bikdScripts["live_plot.js"]);

export function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

// Zoom lasts as long as `revision` is the same.
export function drawInto(holder, name, drawing, { revision = name, scale = 1, foot = 0 } = {}) {
  const more = { revision, scale, foot, file_name: name.replaceAll("_", "-"), is_small: false, is_clickable: false, plotly: "", terms: [] };
  livePlot({ data: [{ ...drawing, ...more }], parentElement: holder, setTriggerValue() {} });
}
