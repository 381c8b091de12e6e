// Fetches the live plot's own script once per page, instead of with every figure of every poll.

const address = new URL("SCRIPT", document.baseURI).href;

export default function (component) {
  let release = null;
  let isOver = false;
  window.bikdLivePlot ??= import(address);
  window.bikdLivePlot.then((script) => {
    if (!isOver) release = script.default(component);
  });
  return () => {
    isOver = true;
    release?.();
  };
}
