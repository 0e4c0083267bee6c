// The front's picture: any two figures against each other, zoomed by dragging a rectangle; drawn again at every change.
const svg = by("picture"), stage = by("stage");
const BOX = { left: 62, right: 14, top: 14, bottom: 46 };
const SYMBOLS = { baseline: "M0-6L5.2-3V3L0,6L-5.2,3V-3Z" };
let frame = null;

const valueOf = (point, name) => point.values[figures[name].at];
const known = (point) => valueOf(point, state.x) !== null && valueOf(point, state.y) !== null;
const better = (figure) => (figure.direction === "maximize" ? -1 : 1);

// What an axis must show, and what it shows if there is room.
function axisScale(name, isUp) {
  const all = (kinds) => picture.points.filter((point) => kinds(point.kind)).map((point) => valueOf(point, name)).filter((value) => value !== null);
  if (name === "trial") return makeScale("", all(() => true), []);
  const front = all((kind) => kind === "front"), reach = front.length ? picture.near * Math.max(...front) : Infinity, core = [...front];
  core.push(...picture.budgets.filter(([column, limit]) => column === name && limit <= reach).map(([, limit]) => limit));
  for (const point of picture.points) {
    const value = valueOf(point, name);
    if (point.kind === "baseline" && point.bits <= picture.byte_bits && value !== null && value <= reach) core.push(value);
    if (point.kind === "tuned") core.push(...[value, point.before[figures[name].at]].filter((one) => one !== null));
  }
  if (isUp && name in picture.whole) core.push(picture.whole[name]);
  return makeScale(figures[name].unit, core, all((kind) => kind !== "front"));
}

function scales() {
  const view = viewOf(state.view) || [0, 1, 0, 1];
  return { x: zoomed(axisScale(state.x, false), view[0], view[1]), y: zoomed(axisScale(state.y, true), view[2], view[3]) };
}

// The best of what fits, in the two figures shown: from each design on its value holds until the next better one.
function staircase(kinds) {
  const [first, second] = [better(figures[state.x]), better(figures[state.y])];
  const points = picture.points.filter((point) => kinds.includes(point.kind) && known(point))
    .map((point) => [valueOf(point, state.x), valueOf(point, state.y)])
    .sort((a, b) => first * (a[0] - b[0]) || second * (a[1] - b[1]));
  const steps = [];
  for (const point of points) if (!steps.length || second * (point[1] - steps.at(-1)[1]) < 0) steps.push(point);
  return steps;
}

function bestPlaces() {
  const found = picture.best.find(([one, other]) => state.x !== state.y && new Set([one, other, state.x, state.y]).size === 2);
  if (!found) return null;
  const [one, , proven, places] = found;
  return { proven, places: places.map(([a, b]) => (one === state.x ? [a, b] : [b, a])).sort((a, b) => a[0] - b[0]) };
}

const path = (places, to) => places.map(([x, y], at) => (at ? `H${to.x(x).toFixed(1)}V${to.y(y).toFixed(1)}` : `M${to.x(x).toFixed(1)},${to.y(y).toFixed(1)}`)).join("");

function symbolOf(point) {
  if (point.kind === "front") return draw("path", { class: "front", d: methods[point.method].path, style: `fill: var(--m${methods[point.method].place})` });
  if (point.kind === "tuned") return draw("path", { class: "tuned", d: methods[point.method].path, style: `stroke: var(--m${methods[point.method].place})` });
  if (point.kind === "baseline") return draw("path", { class: `base ${point.feasible ? "in" : "out"}`, d: SYMBOLS.baseline });
  return draw("circle", { class: point.kind, r: point.kind === "fits" ? 2.2 : 2.4 });
}

function tipOf(point) {
  const head = point.name ? `Uniform quantization: ${point.name}` : `${point.design}${point.kind === "tuned" ? ", fine-tuned" : ""}: mostly ${point.method}`;
  const names = [...new Set([...picture.told, state.x, state.y])].filter((name) => name !== "trial" && valueOf(point, name) !== null);
  const lines = names.map((name) => `${figures[name].title} ${format(valueOf(point, name), figures[name].unit)}`);
  return [head, ...lines, ...(point.broken ? [`Breaks: ${point.broken}`] : [])].join("\n");
}

function axes(to, x, y, width, height) {
  const group = draw("g"), across = axisTicks(x), up = axisTicks(y), note = { log: " (log scale)", error: " (log scale of the error)", linear: "" };
  const every = Math.ceil(across.ticks.length / Math.max(Math.floor(width / 58), 1));
  across.ticks.forEach(([place, text], at) => {
    const where = BOX.left + place * width;
    group.append(draw("path", { class: "grid", d: `M${where.toFixed(1)},${BOX.top}v${height}` }));
    if (at % every === 0) group.append(draw("text", { class: "tick", x: where.toFixed(1), y: BOX.top + height + 16, "text-anchor": "middle" }, [text]));
  });
  for (const [place, text] of up.ticks) {
    const where = BOX.top + (1 - place) * height;
    group.append(draw("path", { class: "grid", d: `M${BOX.left},${where.toFixed(1)}h${width}` }));
    group.append(draw("text", { class: "tick", x: BOX.left - 7, y: (where + 4).toFixed(1), "text-anchor": "end" }, [text]));
  }
  group.append(draw("path", { class: "axis", d: `M${BOX.left},${BOX.top}v${height}h${width}` }));
  const title = (name, unit, kind) => `${figures[name].title}${unit ? `, ${unit}` : ""}${note[kind]}`;
  group.append(draw("text", { class: "title", x: BOX.left + width / 2, y: BOX.top + height + 38, "text-anchor": "middle" }, [title(state.x, across.unit, x.kind)]));
  group.append(draw("text", { class: "title", transform: `translate(13,${BOX.top + height / 2}) rotate(-90)`, "text-anchor": "middle" }, [title(state.y, up.unit, y.kind)]));
  return group;
}

function budgetLines(x, y, width, height) {
  const group = draw("g"), inside = (place) => place >= 0 && place <= 1;
  const whole = [state.x, state.y].filter((name) => name in picture.whole).map((name) => [name, picture.whole[name], `float network ${format(picture.whole[name], figures[name].unit)}`, "float"]);
  for (const [column, limit, text, kind] of [...picture.budgets.map((one) => [...one, "budget"]), ...whole]) {
    if (column === state.x && inside(position(x, limit))) {
      const at = BOX.left + position(x, limit) * width;
      if (kind === "budget") group.append(draw("rect", { class: "beyond", x: at, y: BOX.top, width: BOX.left + width - at, height }));
      group.append(draw("path", { class: kind, d: `M${at},${BOX.top}v${height}` }));
      group.append(draw("text", { class: "name", transform: `translate(${at - 5},${BOX.top + height - 8}) rotate(-90)` }, [text]));
    }
    if (column === state.y && inside(position(y, limit))) {
      const at = BOX.top + (1 - position(y, limit)) * height;
      if (kind === "budget") group.append(draw("rect", { class: "beyond", x: BOX.left, y: BOX.top, width, height: at - BOX.top }));
      group.append(draw("path", { class: kind, d: `M${BOX.left},${at}h${width}` }));
      group.append(draw("text", { class: "name", x: BOX.left + 6, y: at - 5 }, [text]));
    }
  }
  return group;
}

// A label where it covers the fewest marks and stays within the picture: beside its mark, or over or under it.
function label(at, text, others, width) {
  const half = 3.6 * text.length, middle = Math.min(Math.max(at.x, BOX.left + half + 2), BOX.left + width - half - 2);
  const sides = [[12, 4], [12, -12], [12, 20], [-12, 4], [-12, -12], [-12, 20], [12, -30], [-12, -30], [12, 38]].map(([dx, dy]) => (
    { x: at.x + dx, y: at.y + dy, anchor: dx > 0 ? "start" : "end", left: at.x + dx - (dx > 0 ? 0 : 2 * half) }));
  sides.push(...[24, -15, 42].map((dy) => ({ x: middle, y: at.y + dy, anchor: "middle", left: middle - half })));
  const cost = ({ left, y }) => {
    const outside = left < BOX.left || left + 2 * half > BOX.left + width || y < BOX.top + 10;
    return 1000 * outside + others.filter((other) => other.x > left - 5 && other.x < left + 2 * half + 5 && other.y > y - 16 && other.y < y + 8).length;
  };
  const best = sides.reduce((one, other) => (cost(other) < cost(one) ? other : one));
  return draw("text", { class: "name strong", x: best.x.toFixed(1), y: best.y.toFixed(1), "text-anchor": best.anchor }, [text]);
}

// Of a design that was fine-tuned its mark after that.
const markedPoint = (design) => ["tuned", "front"].map((kind) => picture.points.find((point) => point.kind === kind && point.design === design)).find(Boolean);

function markOf(point, at, first) {
  const isDesign = ["front", "tuned"].includes(point.kind), chosen = isDesign && point === markedPoint(state.design);
  const group = draw("g", { class: `mark${chosen ? " chosen" : ""}`, transform: `translate(${at.x.toFixed(1)},${at.y.toFixed(1)})`, "data-kind": point.kind, "data-design": point.design, "data-tip": tipOf(point) });
  if (isDesign) {
    const told = tipOf(point).replaceAll("\n", ", ");
    for (const [key, value] of [["role", "button"], ["aria-label", told], ["aria-pressed", String(chosen)], ["tabindex", chosen || first ? 0 : -1]]) group.setAttribute(key, value);
    group.append(draw("circle", { class: "ring", r: 10 }));
  }
  group.append(symbolOf(point));
  return group;
}

function drawPicture() {
  const outer = { width: Math.max(stage.clientWidth, 260) }, width = outer.width - BOX.left - BOX.right;
  const height = Math.round(Math.min(Math.max(0.6 * width, 260), 470)), { x, y } = scales();
  const to = { x: (value) => BOX.left + position(x, value) * width, y: (value) => BOX.top + (1 - position(y, value)) * height };
  frame = { width, height };
  svg.setAttribute("viewBox", `0 0 ${outer.width} ${height + BOX.top + BOX.bottom}`);
  svg.setAttribute("aria-label", `${figures[state.y].title} against ${figures[state.x].title}`);
  const clip = draw("clipPath", { id: "view" }, [draw("rect", { x: BOX.left, y: BOX.top, width, height })]);
  const lines = draw("g", { "clip-path": "url(#view)" }), marks = draw("g"), names = draw("g");
  const best = bestPlaces(), steps = staircase(["front", "fits", "tuned"]), fitted = picture.trained ? staircase(["fits"]) : [];
  const isSeen = (place) => place.every((value, at) => Number.isFinite(position(at ? y : x, value)));
  const drawLine = (name, places) => places.length > 1 && lines.append(draw("path", { class: name, d: path(places.filter(isSeen), to) }));
  drawLine("best", best ? best.places : []);
  drawLine("fitted", fitted);
  drawLine("steps", steps);
  const shown = [];
  for (const point of picture.points.filter(known)) {
    const at = { x: to.x(valueOf(point, state.x)), y: to.y(valueOf(point, state.y)), point };
    if (at.x >= BOX.left && at.x <= BOX.left + width && at.y >= BOX.top && at.y <= BOX.top + height) shown.push(at);
    const before = point.before.length ? [to.x(point.before[figures[state.x].at]), to.y(point.before[figures[state.y].at])] : [];
    if (before.length && before.every(Number.isFinite)) lines.append(draw("path", { class: "move", d: `M${before[0].toFixed(1)},${before[1].toFixed(1)}L${at.x.toFixed(1)},${at.y.toFixed(1)}` }));
  }
  const front = shown.filter(({ point }) => ["front", "tuned"].includes(point.kind)), marked = markedPoint(state.design);
  const holds = front.some(({ point }) => point === marked);
  for (const at of shown) {
    marks.append(markOf(at.point, at, !holds && at === front[0]));
    if (at.point.kind === "baseline") names.append(draw("text", { class: "name", x: (at.x + 8).toFixed(1), y: (at.y + 4).toFixed(1) }, [String(at.point.bits)]));
  }
  for (const at of front.filter(({ point }) => point === markedPoint(point.design))) {
    const said = [at.point.design === layers.recommended ? "recommended" : "", at.point.design === state.design && state.design !== layers.recommended ? "chosen" : ""].find(Boolean);
    if (said) names.append(label(at, `${said}: ${format(valueOf(at.point, state.x), figures[state.x].unit)}, ${format(valueOf(at.point, state.y), figures[state.y].unit)}`, shown, width));
  }
  svg.replaceChildren(clip, axes(to, x, y, width, height), budgetLines(x, y, width, height), lines, names, marks);
  const all = new Set(picture.points.filter(known).map((point) => `${point.kind === "baseline"} ${point.design}`)).size;
  const beyond = picture.budgets.filter(([column, limit]) => [[state.x, x], [state.y, y]].some(([name, scale]) => name === column && (position(scale, limit) < 0 || position(scale, limit) > 1)));
  by("outside").textContent = [
    beyond.length ? `Outside the view: ${beyond.map(([, , text]) => text).join(", ")}.` : "",
    shown.length < all ? `${all - shown.length} of ${all} marks lie outside the view.` : "",
  ].join(" ");
  by("legend-best").hidden = !best;
  if (best) by("legend-best").lastChild.textContent = best.proven ? "best possible [proven]" : "bound on the best possible [bounded]";
  by("zoom-reset").disabled = state.view === "";
  seen = new Set(front.map(({ point }) => point.design));
}
let seen = new Set();

// Zooming: by a rectangle, by the buttons, by Ctrl and the wheel; a double click shows all again.
function zoomTo(left, right, bottom, top) {
  const [l, r, b, t] = viewOf(state.view) || [0, 1, 0, 1];
  const parts = [l + left * (r - l), l + right * (r - l), b + bottom * (t - b), b + top * (t - b)];
  if (parts[1] - parts[0] < 1e-4 || parts[3] - parts[2] < 1e-4) return;
  const all = parts[0] <= 0 && parts[1] >= 1 && parts[2] <= 0 && parts[3] >= 1;
  change({ view: all ? "" : parts.map((part) => Number(part.toFixed(5))).join(",") });
}
function zoomBy(factor, x = 0.5, y = 0.5) {
  const part = (at) => [at - at * factor, at + (1 - at) * factor];
  zoomTo(...part(x), ...part(y));
}
const placeIn = (event) => {
  const box = svg.getBoundingClientRect(), ratio = svg.viewBox.baseVal.width / box.width;
  const x = ((event.clientX - box.left) * ratio - BOX.left) / frame.width, y = 1 - ((event.clientY - box.top) * ratio - BOX.top) / frame.height;
  return { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) };
};
let drag = null;
svg.addEventListener("pointerdown", (event) => {
  if (event.button === 0 && event.pointerType !== "touch") drag = { from: placeIn(event), rect: null };
});
window.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const to = placeIn(event), { from } = drag;
  if (!drag.rect && Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y)) < 0.015) return;
  if (!drag.rect) svg.append((drag.rect = draw("rect", { class: "brush" })));
  const [x, y] = [Math.min(from.x, to.x), Math.max(from.y, to.y)];
  const box = { x: BOX.left + x * frame.width, y: BOX.top + (1 - y) * frame.height, width: Math.abs(to.x - from.x) * frame.width, height: Math.abs(to.y - from.y) * frame.height };
  for (const [key, value] of Object.entries(box)) drag.rect.setAttribute(key, value);
});
window.addEventListener("pointerup", (event) => {
  const ended = drag;
  drag = null;
  if (!ended || !ended.rect) return;
  ended.rect.remove();
  const to = placeIn(event), { from } = ended;
  zoomTo(Math.min(from.x, to.x), Math.max(from.x, to.x), Math.min(from.y, to.y), Math.max(from.y, to.y));
});
svg.addEventListener("dblclick", () => change({ view: "" }));
svg.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const at = placeIn(event);
  zoomBy(event.deltaY > 0 ? 1.25 : 0.8, at.x, at.y);
}, { passive: false });
by("zoom-in").addEventListener("click", () => zoomBy(0.6));
by("zoom-out").addEventListener("click", () => zoomBy(1 / 0.6));
by("zoom-reset").addEventListener("click", () => change({ view: "" }));
for (const axis of ["x", "y"]) by(`axis-${axis}`).addEventListener("change", (event) => change({ [axis]: event.target.value, view: "" }));

// One mark of the front takes the tabulator's stop; arrows go on to its neighbours.
svg.addEventListener("keydown", (event) => {
  const mark = event.target.closest(".mark[role]");
  if (!mark) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    change({ design: mark.dataset.design });
    svg.querySelector(`.mark.chosen`)?.focus();
  }
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const marks = [...svg.querySelectorAll(".mark[role]")].sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x);
  const next = marks[(marks.indexOf(mark) + step + marks.length) % marks.length];
  mark.setAttribute("tabindex", -1);
  next.setAttribute("tabindex", 0);
  next.focus();
});
svg.addEventListener("click", (event) => {
  const mark = event.target.closest(".mark[role]");
  if (mark) change({ design: mark.dataset.design });
});
views.push((parts) => {
  if (!parts.length || parts.some((part) => ["x", "y", "view", "design"].includes(part))) drawPicture();
  for (const axis of ["x", "y"]) by(`axis-${axis}`).value = state[axis];
});
new ResizeObserver(() => drawPicture()).observe(stage);
