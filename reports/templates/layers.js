// The design that is chosen: its figures and where its bytes, its work and its noise go; below, each layer's form.
const fixed = (value, digits) => (value === null ? "–" : value.toFixed(digits));
const markSymbol = (method) => draw("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, [draw("path", { class: "front", d: methods[method].path, style: `fill: var(--m${methods[method].place})` })]);

function cellBar(value, largest, className) {
  const bar = make("i", { className: `share ${className}` });
  bar.style.width = `${value > 0 ? Math.max((100 * value) / largest, 1) : 0}%`;
  return make("td", {}, [bar]);
}

// Which of the layers' figures are known, as [property, class, title].
function known_parts(bars) {
  const parts = [["storage_bits", "bytes", "Bytes"]];
  parts.push(bars.some((bar) => bar.latency_ms !== null) ? ["latency_ms", "work", "Time"] : ["bit_ops", "work", "Bit-ops"]);
  if (bars.some((bar) => bar.noise !== null)) parts.push(["noise", "noise", "Noise"]);
  return parts;
}

function showAside(info) {
  const point = markedPoint(info.design), parts = known_parts(info.bars);
  const words = [info.design === layers.recommended ? "recommended" : "", point?.kind === "tuned" ? "fine-tuned" : ""].filter(Boolean);
  by("chosen-title").textContent = words.length ? `${info.design} (${words.join(", ")})` : info.design;
  by("chosen-figures").replaceChildren(...(point ? picture.told : []).filter((name) => valueOf(point, name) !== null).flatMap((name) => [
    make("dt", { textContent: figures[name].title }), make("dd", { textContent: format(valueOf(point, name), figures[name].unit) })]));
  by("chosen-places").replaceChildren(...info.places.map((text) => make("li", { textContent: text })));
  by("chosen-file").href = `designs/${encodeURIComponent(info.design)}.json`;
  by("chosen-command").textContent = `${layers.export[0]}${info.design}${layers.export[1]}`;
  by("chosen-heads").replaceChildren(make("th", { scope: "col", textContent: "Layer" }), ...parts.map(([, , title]) => make("th", { scope: "col", textContent: title })));
  const largest = Object.fromEntries(parts.map(([key]) => [key, Math.max(...info.bars.map((bar) => bar[key] ?? 0), Number.MIN_VALUE)]));
  by("chosen-layers").replaceChildren(...info.bars.map((bar) => {
    const row = make("tr", {}, [make("th", { scope: "row", textContent: bar.layer }), ...parts.map(([key, name]) => cellBar(bar[key] ?? 0, largest[key], name))]);
    row.dataset.tip = bar.tip.join("\n");
    return row;
  }));
}

function showLayers() {
  const info = layers.designs[state.design];
  if (!info) return;
  showAside(info);
  by("layers-title").textContent = info.title;
  const largest = Math.max(...info.bars.map((bar) => bar.storage_bits), 1);
  by("bars").replaceChildren(...info.bars.map((bar) => {
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
      make("td", {}, [markSymbol(bar.method), bar.scheme]),
    ]);
    row.dataset.tip = bar.tip.join("\n");
    return row;
  }));
  for (const item of document.querySelectorAll("[data-part]")) item.hidden = !info.components.includes(item.dataset.part);
}
views.push((parts) => (!parts.length || parts.includes("design")) && showLayers());
