// Plays the first recorded run, as the app's first page does.

window.bikdLearn = "learn.html#"; // where terms lead to
const { default: playingRun } = await import(window.bikdScripts["playing_run.js"]);
if (window.bikdData) playingRun({ data: [window.bikdData], parentElement: document.getElementById("playing") });
document.body.dataset.ready = "true";
