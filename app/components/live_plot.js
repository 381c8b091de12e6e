// Fetches the live plot's own script once per page, instead of with every figure of every poll.

const address = new URL("SCRIPT", document.baseURI).href;

// plotly.js, which that script asks for, is fetched meanwhile.
function fetchPlotly() {
  const hint = document.createElement("link");
  hint.rel = "preload";
  hint.as = "script";
  hint.href = new URL("PLOTLY", document.baseURI).href;
  document.head.appendChild(hint);
}

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

export default function (component) {
  let release = null;
  let isOver = false;
  const { parentElement } = component;
  const [{ drawing, ...more }] = component.data;
  // Its place, until it is there: about what the figure and its words will take.
  if (!parentElement.childElementCount) parentElement.style.minHeight = `${more.height + 78}px`;
  if (!window.bikdLivePlot) {
    fetchPlotly();
    window.bikdLivePlot = import(address);
  }
  Promise.all([window.bikdLivePlot, unpacked(drawing)]).then(([script, figure]) => {
    parentElement.style.minHeight = "";
    if (!isOver) release = script.default({ ...component, data: [{ ...figure, ...more }] });
  });
  return () => {
    isOver = true;
    release?.();
  };
}
