// Values as text, as the tables have them.
const KIB = 1024;
const grouped = (value, digits = 0) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const short = (value) => {
  const text = value.toPrecision(4);
  return text.includes("e") ? text : String(Number(text));
};
function scaledText(value, steps, rest) {
  for (const [factor, unit, digits] of steps) {
    if (Math.abs(value) >= factor) return `${(value / factor).toFixed(digits(value / factor))} ${unit}`;
  }
  return rest(value);
}
const twoOrOne = (value) => (value < 100 ? 2 : 1), two = () => 2;
const BYTES = [[KIB ** 3, "GiB", twoOrOne], [KIB ** 2, "MiB", twoOrOne], [KIB, "KiB", twoOrOne]];
const COUNTS = [[1e12, "T", two], [1e9, "G", two], [1e6, "M", two], [1e3, "k", two]];
const FORMATS = {
  bytes: (value) => scaledText(value, BYTES, (small) => `${grouped(small)} B`),
  bits: (value) => `${grouped(value)} bits`,
  share: (value) => `${(100 * value).toFixed(2)}%`,
  ratio: (value) => `${value.toFixed(value < 100 ? 2 : 0)}x`,
  count: (value) => scaledText(value, COUNTS, (small) => grouped(small)),
  seconds: (value) => `${value.toFixed(2)} s`,
  ms: (value) => `${Number(value.toPrecision(3))} ms`,
};
const format = (value, unit) => (value === null || value === undefined ? "–" : (FORMATS[unit] || short)(value));
