// Measures the colours of tokens.css against what stands on what: text 4.5, controls 3. Ends with 1 where one drops below.
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/style/tokens.css", import.meta.url), "utf-8");
const tokens = Object.fromEntries(
  [...css.matchAll(/--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name, light, dark]) => [
    name,
    [light, dark],
  ]),
);

const TEXT = [
  ["text", "surface", "selected", "hover", "ground", "sunken"],
  ["text2", "surface", "hover", "ground", "sunken", "selected"],
  ["text3", "surface", "sunken", "selected", "ground", "hover"],
  ["accent", "surface", "selected"],
  ["on-accent", "accent", "accent-hover"],
  ["tint-text", "tint"],
  ["ok", "surface", "ok-tint", "ground"],
  ["warn", "surface", "warn-tint"],
  ["danger", "surface", "danger-tint"],
];
const CONTROL = [["control", "surface", "sunken", "selected"]];

const light = (hex) => {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

const bad = [];
for (const [pairs, least] of [
  [TEXT, 4.5],
  [CONTROL, 3],
]) {
  for (const [front, ...backs] of pairs) {
    for (const back of backs) {
      for (const theme of [0, 1]) {
        const ratio = contrast(tokens[front][theme], tokens[back][theme]);
        if (ratio < least) bad.push(`${front} on ${back}, ${theme ? "dark" : "light"}: ${ratio.toFixed(2)}, at least ${least}`);
      }
    }
  }
}
for (const line of bad) console.error(line);
process.exitCode = bad.length > 0 ? 1 : 0;
