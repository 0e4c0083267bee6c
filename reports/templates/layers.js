// The design that is chosen: its figures and where its bytes, its work and its noise go; below, each layer's form.
const markSymbol = (method) => draw("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, [draw("path", { class: "front", d: methods[method].path, style: `fill: var(--m${methods[method].place})` })]);

// A design's layers, put together from the tables that the page holds them in.
function layersOf(design) {
  const kept = layers.designs[design], components = new Set();
  const bars = kept.bars.map(([layer, form, bits, macs, additions, bitOps, sqnr, latency, noise]) => {
    const [name, shape, weights] = layers.layers[layer], [method, scheme, execution] = layers.forms[form];
    const parts = bits.map((count, at) => [layers.components[at], count]).filter(([, count]) => count > 0);
    for (const [part] of parts) components.add(part);
    const storage = parts.reduce((sum, [, count]) => sum + count, 0), ratio = storage ? (32 * weights) / storage : null;
    const tip = [
      `${name}: ${shape}`, scheme, `${grouped(weights)} weights in ${grouped(storage)} bits, ${format(ratio, "ratio")}`,
      ...parts.map(([part, count]) => `${part} ${grouped(count)} bits`),
      `${format(macs, "count")} MAC, ${format(additions, "count")} additions, ${execution}`,
      `SQNR ${sqnr === "exact" ? "∞" : sqnr === null ? "–" : `${sqnr.toFixed(1)} dB`}`,
      ...(noise === null ? [] : [`noise over signal at its output ${short(noise)}`]), ...(latency === null ? [] : [format(latency, "ms")]),
    ].join("\n");
    return { layer: name, method, scheme, parts, storage_bits: storage, ratio, sqnr, bit_ops: bitOps, latency_ms: latency, noise, tip };
  });
  return { design, title: kept.title, places: kept.places, bars, components };
}

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
    row.dataset.tip = bar.tip;
    return row;
  }));
}

function showLayers() {
  if (!Object.hasOwn(layers.designs, state.design ?? "")) return;
  const info = layersOf(state.design);
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
      make("td", { className: "n", textContent: bar.ratio === null ? "–" : `${bar.ratio.toFixed(2)}x` }),
      make("td", { className: "n", textContent: typeof bar.sqnr === "number" ? bar.sqnr.toFixed(1) : bar.sqnr ?? "–" }),
      make("td", {}, [markSymbol(bar.method), bar.scheme]),
    ]);
    row.dataset.tip = bar.tip;
    return row;
  }));
  for (const item of document.querySelectorAll("[data-part]")) item.hidden = !info.components.has(item.dataset.part);
}
views.push((parts) => (!parts.length || parts.includes("design")) && showLayers());
