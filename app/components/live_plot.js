// Fetches the live plot's own script once per page, instead of with every figure of every poll.

const address = new URL("SCRIPT", document.baseURI).href;

export default function (component) {
  let release = null;
  let isOver = false;
  const { parentElement } = component;
  const [{ height, sentence }] = component.data;
  // Its place, until it is there: about what the figure and its words will take.
  if (!parentElement.childElementCount) parentElement.style.minHeight = `${height + (sentence ? 78 : 0)}px`;
  window.bikdLivePlot ??= import(address);
  window.bikdLivePlot.then((script) => {
    parentElement.style.minHeight = "";
    if (!isOver) release = script.default(component);
  });
  return () => {
    isOver = true;
    release?.();
  };
}
