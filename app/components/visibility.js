// Tells the app when its browser tab is hidden or shown again.
export default function ({ setStateValue }) {
  const tell = () => setStateValue("hidden", document.hidden);
  document.addEventListener("visibilitychange", tell);
  if (document.hidden) tell();
  return () => document.removeEventListener("visibilitychange", tell);
}
