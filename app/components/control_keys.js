// Keeps the control keys of the runs that this browser started, and tells them to a new session.

const STORE = "bikd-control-keys"; // run id -> key
const LIMIT = 500; // the newest runs

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return kept !== null && typeof kept === "object" ? kept : {};
  } catch {
    return {}; // a browser that keeps nothing: control lasts as long as its session
  }
}

function save(keys) {
  try {
    localStorage.setItem(STORE, JSON.stringify(keys));
  } catch {
    // As above.
  }
}

export default function ({ data, setTriggerValue }) {
  const { asks, gained, lost } = data;
  const keys = load();
  if (Object.keys(gained).length || lost.length) {
    Object.assign(keys, gained);
    for (const run of lost) delete keys[run];
    save(Object.fromEntries(Object.entries(keys).slice(-LIMIT)));
  }
  // What the session has just gained it knows; telling it would only make it draw its page again.
  const unknown = Object.keys(keys).some((run) => !(run in gained));
  if (asks && unknown) setTriggerValue("keys", keys);
}
