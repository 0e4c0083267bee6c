// Tables: every one sorts; that of the front is filtered, and shows the columns that are asked for.
const value = (row, place) => {
  const cell = row.cells[place];
  return cell.dataset.value === undefined ? cell.textContent : { True: 1, False: 0 }[cell.dataset.value] ?? (cell.dataset.value === "" ? NaN : Number(cell.dataset.value));
};
// By number where the cell has one, unknown values last in both directions.
const compare = (one, other, sign) => {
  if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
  return sign * (typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other);
};
function sortBy(head, down) {
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = head.closest("table").tBodies[0], sign = down ? -1 : 1, place = head.cellIndex;
  body.append(...[...body.rows].sort((a, b) => compare(value(a, place), value(b, place), sign)));
}
for (const head of document.querySelectorAll(".sortable th")) {
  head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    if (head.dataset.column && head.closest("#designs")) change({ sort: `${head.dataset.column}:${down ? "down" : "up"}` });
    else sortBy(head, down);
  });
}

const designs = by("designs");
if (designs) {
  const heads = [...designs.tHead.rows[0].cells], names = heads.map((head) => head.dataset.column);
  const choices = [...document.querySelectorAll("#columns input")], usual = choices.filter((box) => box.checked).map((box) => box.value);
  const UNITS = { "": 1, "%": 0.01, b: 1, kib: KIB, mib: KIB ** 2, gib: KIB ** 3, k: 1e3, m: 1e6, g: 1e9, ms: 1, x: 1 };
  const TESTS = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
  const bare = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");

  // A word that every row must have somewhere, or a bound on a column such as flash<32KiB or accuracy>=97%.
  function condition(word) {
    const match = /^([a-z][a-z0-9_-]*)(<=|>=|<|>|=)([0-9.]+(?:e[0-9]+)?)([a-z%]*)$/i.exec(word);
    const place = match ? heads.findIndex((head, at) => bare(names[at]).startsWith(bare(match[1])) || bare(head.firstElementChild.textContent).startsWith(bare(match[1]))) : -1;
    const factor = match ? UNITS[match[4].toLowerCase()] : undefined;
    if (place < 0 || factor === undefined) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
    const share = heads[place].dataset.unit === "share" && match[4] === "" && Number(match[3]) > 1;
    const bound = Number(match[3]) * (share ? 0.01 : factor);
    return (row) => TESTS[match[2]](Number(row.cells[place].dataset.value || NaN), bound);
  }

  function filter() {
    const tests = state.q.split(/\s+/).filter(Boolean).map(condition), rows = [...designs.tBodies[0].rows];
    for (const row of rows) row.hidden = !tests.every((test) => test(row)) || (state.seen === "view" && !seen.has(row.dataset.design));
    const left = rows.filter((row) => !row.hidden).length;
    const all = `${rows.length} design${rows.length === 1 ? "" : "s"}`;
    by("found").textContent = left === rows.length ? all : `${left} of ${all}`;
  }

  function showColumns() {
    const asked = state.columns === "" ? usual : state.columns.split(",");
    const shown = names.map((name, at) => at === 0 || asked.includes(name));
    for (const box of choices) box.checked = asked.includes(box.value);
    for (const row of [designs.tHead.rows[0], ...designs.tBodies[0].rows]) [...row.cells].forEach((cell, at) => (cell.hidden = !shown[at]));
  }

  function sortAsked() {
    const [name, way] = state.sort.split(":"), head = heads[names.indexOf(name)];
    if (head) sortBy(head, way === "down");
  }

  by("filter").addEventListener("input", (event) => change({ q: event.target.value }));
  by("in-view").addEventListener("change", (event) => change({ seen: event.target.checked ? "view" : "" }));
  by("columns").addEventListener("change", () => {
    const asked = choices.filter((box) => box.checked).map((box) => box.value).join(",");
    change({ columns: asked === usual.join(",") ? "" : asked || "design" });
  });
  designs.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a")) change({ design: row.dataset.design });
  });
  views.push((parts) => {
    if (document.activeElement !== by("filter")) by("filter").value = state.q;
    by("in-view").checked = state.seen === "view";
    if (!parts.length || parts.includes("columns")) showColumns();
    if (!parts.length || parts.includes("sort")) sortAsked();
    filter();
    for (const row of designs.tBodies[0].rows) {
      row.classList.toggle("chosen", row.dataset.design === state.design);
      row.querySelector(".pick").setAttribute("aria-pressed", String(row.dataset.design === state.design));
    }
  });
}
