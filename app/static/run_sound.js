// Plays two voices: rare classes on the right, frequent ones on the left; a higher tone is a larger
// weight. Nothing sounds until the button is pressed; Escape stops it.

// An exported file holds the script beside this one.
const { element } = await import(
  window.bikdScripts?.["dom_element.js"] ?? new URL(`dom_element.js${new URL(import.meta.url).search}`, import.meta.url)
);

const players = new WeakMap(); // parentElement -> state
const LOW = 110; // Hz of the weight 0; each third of the way to 1 is an octave
const DURATION = 8; // s, for all epochs
const FADE = 0.08; // s, so that nothing clicks
const VOICES = [
  ["few", "triangle", 0.7, 0.13], // name, wave, place from left to right, loudness
  ["many", "sine", -0.7, 0.13],
];
const ICONS = { play: "M4 9v6h4l5 5V4L8 9zM16 8a5 5 0 0 1 0 8z", stop: "M6 6h12v12H6z" };
const HOW = "The higher, the more the label counts; rare classes on the right, frequent ones on the left.";

const tone = (weight) => LOW * 2 ** (3 * weight);

function voice(context, values, [, wave, place, loudness]) {
  const start = context.currentTime + 0.05;
  const source = new OscillatorNode(context, { type: wave });
  source.frequency.setValueCurveAtTime(Float32Array.from(values.length > 1 ? values : [values[0], values[0]], tone), start, DURATION);
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(loudness, start + FADE);
  gain.gain.setValueAtTime(loudness, start + DURATION - FADE);
  gain.gain.linearRampToValueAtTime(0, start + DURATION);
  source.connect(gain).connect(new StereoPannerNode(context, { pan: place })).connect(context.destination);
  source.start(start);
  source.stop(start + DURATION);
  return source;
}

function play(state) {
  const context = new AudioContext();
  state.context = context;
  const sources = VOICES.map((each) => voice(context, state.data[each[0]], each));
  sources[0].onended = () => state.context === context && stop(state, "The sound has ended.");
  state.hear = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    stop(state, "The sound has been stopped.");
  };
  document.addEventListener("keydown", state.hear);
  state.watch = setInterval(() => state.root.isConnected || stop(state, ""), 300);
  name(state, "Playing.");
}

function stop(state, words) {
  document.removeEventListener("keydown", state.hear);
  clearInterval(state.watch);
  state.context.close();
  state.context = null;
  name(state, words);
}

function name(state, words) {
  const isPlaying = state.context !== null;
  state.root.dataset.playing = String(isPlaying);
  const icon = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[isPlaying ? "stop" : "play"]}"/></svg>`;
  state.button.innerHTML = icon;
  state.button.append(isPlaying ? "Stop (Escape)" : "Listen to the weights");
  state.said.textContent = words;
}

function make(parentElement) {
  const state = { context: null, root: element("div", "bikd-sound"), button: element("button"), said: element("span", "unseen"), words: element("p") };
  state.button.type = "button";
  state.said.setAttribute("role", "status");
  state.button.addEventListener("click", () => (state.context ? stop(state, "The sound has been stopped.") : play(state)));
  state.root.append(state.button, state.words, state.said);
  parentElement.append(state.root);
  name(state, "");
  if (!window.AudioContext) {
    state.button.disabled = true;
    state.button.textContent = "This browser plays no sound";
  }
  return state;
}

export default function (component) {
  const {
    data: [data],
    parentElement,
  } = component;
  let state = players.get(parentElement);
  if (!state || !state.root.isConnected) {
    state = make(parentElement);
    players.set(parentElement, state);
  }
  if (state.context && JSON.stringify(data) !== JSON.stringify(state.data)) stop(state, "");
  state.data = data;
  state.words.textContent = `${data.words} ${HOW}`;
}
