import { colourName, percent, type Verdict } from "./claims.ts";
import type { Comparison, Mean, Rate, Row } from "./queries.ts";

/** The demo's tables as lines of text; `[a, b]` is the 95 % interval. */
export function tables(comparison: Comparison, verdicts: readonly Verdict[]): string[] {
  const { rows, sampleSize } = comparison;
  const [first] = rows as [Row];
  const attack = first.pgd[0]!.attack;
  return [
    `Inequality and robustness (Gini of |integrated gradients|, mean baseline, ${sampleSize} images right under all models)`,
    ...grid([["model", "Gini", "sd", "clean accuracy", `PGD-${attack.steps} accuracy at ε = ${round(attack.epsilon)}`],
      ...rows.map((row) => [row.model.name, mean(row.gini[0]!.gini), row.gini[0]!.gini.sd.toFixed(3), rate(row.cleanAccuracy!), rate(row.pgd[0]!.accuracy!)])]),
    "",
    "Error under inductive noise on k sub-pixels: by the map (in brackets its interval) | at random places",
    ...grid([["model", ...noiseHeads(first)], ...rows.map((row) => [row.model.name, ...row.errors.filter((e) => e.k !== null).map(cell)])]),
    "",
    `Error under inductive occlusion, at most ${first.errors.at(-1)!.maxCount} squares of radius at most ${first.errors.at(-1)!.maxRadius}: by the map | at random places`,
    ...grid([["model", ...first.errors.filter((e) => e.colour !== null).map((e) => colourName(e.colour!))], ...rows.map((row) => [row.model.name, ...row.errors.filter((e) => e.colour !== null).map(cell)])]),
    "",
    "What the paper claims, on these networks:",
    ...verdicts.map(({ claim, outcome, evidence }) => `  ${outcome.padEnd(12)}  ${claim}  (${evidence})`),
  ];
}

function noiseHeads(row: Row): string[] { return row.errors.filter((e) => e.k !== null).map((e) => `${e.attack.type} k=${e.k}`); }
function cell({ error, control }: Row["errors"][number]): string { return `${rate(error)} | ${control ? percent(control.rate) : "–"}`; }
function rate(r: Rate): string { return `${percent(r.rate)} [${(100 * r.low).toFixed(0)}, ${(100 * r.high).toFixed(0)}]`; }
function mean(m: Mean): string { return `${m.mean.toFixed(3)} [${m.low.toFixed(3)}, ${m.high.toFixed(3)}]`; }
function round(v: number): number { return Number(v.toPrecision(3)); }

/** Columns padded to their widest cell. */
function grid(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string => `  ${row.map((text, i) => text.padEnd(widths[i]!)).join("   ")}`.trimEnd();
  return [line(rows[0]!), `  ${widths.map((w) => "─".repeat(w)).join("   ")}`, ...rows.slice(1).map(line)];
}
