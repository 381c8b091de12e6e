// Fetches a component's own script and style once per page, instead of with every draw.

const address = (ending) => new URL(`app/static/NAME.${ending}?v=VERSION`, document.baseURI).href;

function loaded() {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = address("css");
  const styled = new Promise((resolve) => {
    style.onload = style.onerror = resolve;
  });
  document.head.append(style);
  return Promise.all([import(address("js")), styled]).then(([script]) => script);
}

export default function (component) {
  let isOver = false;
  window.bikdScripts ??= {};
  window.bikdScripts.NAME ??= loaded();
  window.bikdScripts.NAME.then((script) => {
    if (!isOver) script.default(component);
  });
  return () => {
    isOver = true;
  };
}
