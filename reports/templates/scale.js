// The scale of an axis: linear, logarithmic, or for shares the logarithm of what is missing to 1.
const DECADE = 10;
const TO = { linear: (v) => v, log: (v) => (v > 0 ? Math.log(v) : -Infinity), error: (v) => (v < 1 ? -Math.log(1 - v) : Infinity) };
const FROM = { linear: (v) => v, log: Math.exp, error: (v) => 1 - Math.exp(-v) };

function scaleKind(unit, values) {
  const low = Math.min(...values), high = Math.max(...values);
  if (unit === "share") {
    const errors = values.filter((value) => value < 1).map((value) => 1 - value);
    return errors.length && Math.max(...errors) > DECADE * Math.min(...errors) ? "error" : "linear";
  }
  return low > 0 && high > DECADE * low ? "log" : "linear";
}

function quantile(sorted, share) {
  const at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

// All of the core with a margin, and of the rest as much as leaves the core most of the room.
function makeScale(unit, core, rest) {
  const finite = (values) => values.filter((value) => Number.isFinite(value));
  const others = finite(rest), found = finite(core), values = found.length ? found : others.length ? others : [0, 1];
  const kind = scaleKind(unit, values), to = TO[kind];
  const places = finite(values.map(to)), outer = finite(others.map(to)).sort((a, b) => a - b);
  let low = Math.min(...places), high = Math.max(...places);
  const span = high - low || Math.abs(high) || 1;
  if (outer.length) {
    [low, high] = [Math.max(Math.min(low, quantile(outer, 0.05)), low - span / 3), Math.min(Math.max(high, quantile(outer, 0.95)), high + span / 3)];
  }
  const margin = 0.07 * (high - low || Math.abs(high) || 1), full = kind === "error" && Math.max(...values) === 1;
  low -= margin;
  high += full ? 2 * margin : margin;
  return { unit, kind, low, high: unit === "share" && kind === "linear" ? Math.min(high, 1) : high, full };
}

// The part of a scale that a zoom shows; shares of the whole.
const zoomed = (scale, from, to) => {
  const span = scale.high - scale.low;
  return { ...scale, low: scale.low + from * span, high: scale.low + to * span, full: scale.full && to >= 1 };
};
const position = (scale, value) => {
  if (scale.kind === "error" && value === 1) return scale.full ? 1 : Infinity;
  return (TO[scale.kind](value) - scale.low) / (scale.high - scale.low);
};

function display(unit, largest) {
  if (unit === "bytes") return largest >= 10 * KIB ** 2 ? [KIB ** 2, "MiB"] : [KIB, "KiB"];
  if (unit === "count") return [[1e9, "billions"], [1e6, "millions"], [1e3, "thousands"]].find(([step]) => largest >= step) || [1, ""];
  return unit === "share" ? [0.01, "%"] : [1, { ratio: "times" }[unit] ?? unit];
}

function niceTicks(low, high, most = 7) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)), ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at += 1) ticks.push(at * step);
  return ticks;
}

function logTicks(low, high, unit) {
  const ticks = [];
  const steps = unit === "bytes" ? [1] : [1, 2, 5], base = unit === "bytes" ? 2 : 10;
  const log = (value) => Math.log(value) / Math.log(base);
  for (let power = Math.floor(log(low)); power <= Math.ceil(log(high)); power += 1) {
    for (const step of steps) if (step * base ** power >= low && step * base ** power <= high) ticks.push(step * base ** power);
  }
  return ticks.length < 3 ? niceTicks(low, high, 5) : ticks.filter((_, at) => at % Math.ceil(ticks.length / 9) === 0);
}

// [place, text] of each tick, and the axis' unit.
function axisTicks(scale) {
  const low = FROM[scale.kind](scale.low), high = FROM[scale.kind](scale.high);
  const [factor, unit] = display(scale.unit, Math.max(Math.abs(low), Math.abs(high)));
  const from = low / factor, to = high / factor;
  const ticks = { linear: () => niceTicks(from, to), log: () => logTicks(from, to, scale.unit), error: () => logTicks(100 - to, 100 - from, "").map((miss) => 100 - miss) }[scale.kind]();
  if (scale.kind === "error" && scale.full) ticks.push(100);
  const texts = ticks.map((tick) => [position(scale, tick * factor), Number(tick.toPrecision(10)).toLocaleString("en-US", { maximumFractionDigits: 10 })]);
  return { ticks: texts.filter(([place]) => place >= -1e-9 && place <= 1 + 1e-9), unit };
}
