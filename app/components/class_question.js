// A question to a class. All texts were typed by somebody: they are set as text, never as HTML.

const drawn = new WeakMap(); // parentElement -> what is drawn there, as JSON

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function mark(data, index) {
  const isOwn = index === data.answer;
  if (index === data.right) return isOwn ? "✓ right, your answer" : "✓ right";
  return isOwn ? "your answer" : "";
}

// The number of answers, and a bar as long as their share.
function tally(data, index) {
  const total = data.counts.reduce((sum, count) => sum + count, 0);
  const share = total ? Math.round((100 * data.counts[index]) / total) : 0;
  const root = element("span", "bikd-tally");
  const bar = element("span", "bikd-bar");
  bar.style.width = `${share}%`;
  const room = element("span", "bikd-room");
  room.append(bar);
  root.append(room, element("span", "bikd-count", `${data.counts[index]} (${share} %)`));
  return root;
}

function choice(data, index, component) {
  const root = element(data.can_answer ? "button" : "div", "bikd-option");
  if (data.can_answer) {
    root.type = "button";
    root.addEventListener("click", () => {
      for (const other of root.parentElement.children) other.disabled = true; // one tap
      component.setTriggerValue("answer", { number: data.number, choice: index });
    });
  }
  const words = element("span", "bikd-words", data.choices[index]);
  const said = mark(data, index);
  if (said) words.append(element("span", "bikd-mark", said));
  if (index === data.right) root.classList.add("bikd-right");
  if (index === data.answer) root.classList.add("bikd-own");
  root.append(words);
  if (data.counts.length) root.append(tally(data, index));
  return root;
}

export default function (component) {
  const { data, parentElement } = component;
  const [shown] = data;
  const now = JSON.stringify(shown);
  if (drawn.get(parentElement) === now && parentElement.querySelector(".bikd-asks")) return;
  drawn.set(parentElement, now);
  const root = element("section", "bikd-asks");
  root.setAttribute("aria-label", "Question to the class");
  const options = element("div", "bikd-options");
  options.append(...shown.choices.map((_, index) => choice(shown, index, component)));
  const said = element("p", "bikd-said", shown.said);
  said.setAttribute("role", "status");
  root.append(element("p", "bikd-question-text", shown.text), options, said);
  parentElement.querySelector(".bikd-asks")?.remove();
  parentElement.append(root);
}
