// What the reader has chosen, kept in the address: the same link shows the same page again.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const layers = read("layers-data"), methods = read("methods-data"), picture = read("picture-data");
const by = (id) => document.getElementById(id);

// Every name goes into the page as text or through these two, never as markup.
const make = (name, properties = {}, children = []) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};
const draw = (name, attributes = {}, children = []) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

const figures = Object.fromEntries(picture.figures.map((figure, at) => [figure.name, { ...figure, at }]));
const DEFAULTS = { design: layers.first, x: picture.x, y: picture.y, view: "", sort: "", q: "", columns: "", seen: "" };
const state = { ...DEFAULTS };

function readAddress() {
  if (location.hash && !location.hash.includes("=")) return; // a place on the page
  const asked = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, DEFAULTS);
  for (const key of Object.keys(DEFAULTS)) if (asked.has(key)) state[key] = asked.get(key);
  if (!Object.hasOwn(layers.designs, state.design)) state.design = DEFAULTS.design;
  for (const axis of ["x", "y"]) if (!Object.hasOwn(figures, state[axis])) state[axis] = DEFAULTS[axis];
  if (!viewOf(state.view)) state.view = "";
}

function writeAddress() {
  const kept = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key] && value !== null);
  const text = new URLSearchParams(kept).toString();
  history.replaceState(null, "", `${location.href.split("#")[0]}${text ? `#${text}` : ""}`);
}

// The part of the axes in view as shares of all, [left, right, bottom, top]; null for no such part.
function viewOf(text) {
  const parts = text.split(",").map(Number);
  const good = parts.length === 4 && parts.every(Number.isFinite) && parts[1] > parts[0] && parts[3] > parts[2];
  return text !== "" && good && Math.max(...parts.map(Math.abs)) <= 100 ? parts : null;
}

// Rows of the front's table that its filter leaves, and the marks in view: each of the two looks at the other.
const views = [];
function change(part) {
  Object.assign(state, part);
  writeAddress();
  for (const show of views) show(Object.keys(part));
}
