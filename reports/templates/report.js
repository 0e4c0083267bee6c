"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const layers = read("layers-data"), methods = read("methods-data"), tip = document.getElementById("tip");

  // Every name goes into the page as text or through these two, never as markup.
  const make = (name, properties = {}, children = []) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };
  const symbol = (method) => {
    const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    svg.setAttribute("viewBox", "-7 -7 14 14");
    svg.setAttribute("aria-hidden", "true");
    for (const [key, value] of [["d", methods[method].path], ["fill", methods[method].color], ["class", "front"]]) path.setAttribute(key, value);
    svg.append(path);
    return svg;
  };
  const fixed = (value, digits) => (value === null ? "–" : value.toFixed(digits));

  function showLayers(design) {
    const info = layers.designs[design];
    if (!info) return;
    document.getElementById("layers-title").textContent = info.title;
    const largest = Math.max(...info.bars.map((bar) => bar.storage_bits), 1);
    document.getElementById("bars").replaceChildren(...info.bars.map((bar) => {
      const strip = make("div", { className: "bar" }, bar.parts.map(([part, bits]) => {
        const piece = make("i", { className: part });
        piece.style.width = `${(100 * bits) / largest}%`;
        return piece;
      }));
      const row = make("tr", {}, [
        make("td", { textContent: bar.layer }), make("td", {}, [strip]),
        make("td", { className: "n", textContent: bar.storage_bits.toLocaleString("en") }),
        make("td", { className: "n", textContent: bar.ratio === null ? "–" : `${fixed(bar.ratio, 2)}x` }),
        make("td", { className: "n", textContent: fixed(bar.sqnr_db, 1) }),
        make("td", {}, [symbol(bar.method), bar.scheme]),
      ]);
      row.dataset.tip = bar.tip.join("\n");
      return row;
    }));
    for (const item of document.querySelectorAll("[data-part]")) item.hidden = !info.components.includes(item.dataset.part);
    for (const node of document.querySelectorAll("#designs tr, .mark[role]")) node.classList.toggle("chosen", node.dataset.design === design);
  }

  function showTip(target, x, y) {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const right = Math.min(x + 14, scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(right, scrollX + 4)}px`;
    tip.style.top = `${y + 14}px`;
  }
  const tipped = (event) => event.target.closest("[data-tip]");
  document.addEventListener("mousemove", (event) => (tipped(event) ? showTip(tipped(event), event.pageX, event.pageY) : (tip.hidden = true)));
  document.addEventListener("focusin", (event) => {
    const target = tipped(event), box = target && target.getBoundingClientRect();
    if (target) showTip(target, box.right + scrollX, box.bottom + scrollY);
  });
  document.addEventListener("focusout", () => (tip.hidden = true));

  const chosen = (event) => event.target.closest("#designs tbody tr, .mark[role]");
  document.addEventListener("click", (event) => chosen(event) && showLayers(chosen(event).dataset.design));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
    if ((event.key === "Enter" || event.key === " ") && event.target.closest(".mark[role]")) {
      event.preventDefault();
      showLayers(event.target.dataset.design);
    }
  });

  // Sorting: by number where the cell has one, unknown values last in both directions.
  const value = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value === undefined ? cell.textContent : { True: 1, False: 0 }[cell.dataset.value] ?? Number(cell.dataset.value);
  };
  const compare = (one, other, sign) => {
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
    return sign * (typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other);
  };
  for (const head of document.querySelectorAll(".sortable th")) {
    head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending", body = head.closest("table").tBodies[0];
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1, place = head.cellIndex;
      body.append(...[...body.rows].sort((a, b) => compare(value(a, place), value(b, place), sign)));
    });
  }
  if (layers.first) showLayers(layers.first);
})();
