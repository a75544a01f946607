import { AppError } from "../../common/errors.ts";
import type { Comparison, Rate, Row } from "./queries.ts";

/** An ordering that the paper states, and what this run's numbers say of it. */
export interface Verdict {
  readonly claim: string;
  /** "clearly": the 95 % intervals do not overlap; "held": the numbers are ordered so, their intervals overlap. */
  readonly outcome: "held clearly" | "held" | "NOT HELD";
  readonly evidence: string;
}

/** Rows in ascending order of ε, the standard network first. */
export function judge({ rows }: Comparison): Verdict[] {
  const [standard, ...robust] = rows as [Row, ...Row[]];
  const most = robust.at(-1)!;
  return [
    judgeGini(rows),
    judgeRobustness(standard, most),
    ...noiseClaims(standard, most),
    ...occlusionClaims(standard, most),
    ...controlClaims(most),
  ];
}

function judgeGini(rows: readonly Row[]): Verdict {
  const values = rows.map((row) => row.gini[0]!.gini);
  const rising = values.every((v, i) => i === 0 || v.mean > values[i - 1]!.mean);
  const apart = values.every((v, i) => i === 0 || v.low > values[i - 1]!.high);
  return { claim: "the Gini index of attributions rises with ε", outcome: rising ? (apart ? "held clearly" : "held") : "NOT HELD", evidence: values.map((v) => v.mean.toFixed(2)).join(" → ") };
}

function judgeRobustness(standard: Row, most: Row): Verdict {
  const [a, b] = [standard.pgd[0]!.accuracy!, most.pgd[0]!.accuracy!];
  return { claim: "adversarial training gives robustness to PGD", outcome: compare(b, a), evidence: `accuracy ${percent(a.rate)} → ${percent(b.rate)}` };
}

function noiseClaims(standard: Row, most: Row): Verdict[] {
  return ["I", "II"].map((type) => {
    const [a, b] = [standard, most].map((row) => row.errors.filter((e) => e.attack.type === type));
    return everyPair(`inductive noise ${type} fools the robust network more often than the standard one, at every k`, a!, b!, (e) => `k=${e.k}`);
  });
}

function occlusionClaims(standard: Row, most: Row): Verdict[] {
  const [a, b] = [standard, most].map((row) => row.errors.filter((e) => e.colour !== null));
  return [everyPair("inductive occlusion fools the robust network more often than the standard one, in every colour", a!, b!, (e) => colourName(e.colour!))];
}

function controlClaims(most: Row): Verdict[] {
  const judged = requireSome("random control", most.errors.filter((e) => e.control !== null));
  const outcomes = judged.map((e) => compare(e.error, e.control!));
  const better = outcomes.filter((o) => o !== "NOT HELD").length;
  return [{
    claim: "the robust network is fooled more often at the places of its map than at random ones",
    outcome: outcomes.every((o) => o === "held clearly") ? "held clearly" : better === outcomes.length ? "held" : "NOT HELD",
    evidence: `${better} of ${outcomes.length} comparisons`,
  }];
}

type ComparedError = Row["errors"][number];

function everyPair(claim: string, standard: readonly ComparedError[], robust: readonly ComparedError[], name: (e: ComparedError) => string): Verdict {
  const pairs = requireSome(claim, standard).map((e) => ({ e, other: requireSome(claim, robust.filter((r) => r.k === e.k && r.colour === e.colour))[0]! }));
  const outcomes = pairs.map(({ e, other }) => compare(other.error, e.error));
  const outcome = outcomes.includes("NOT HELD") ? "NOT HELD" : outcomes.every((o) => o === "held clearly") ? "held clearly" : "held";
  return { claim, outcome, evidence: pairs.map(({ e, other }) => `${name(e)}: ${percent(e.error.rate)} → ${percent(other.error.rate)}`).join(", ") };
}

/** A claim about nothing would hold: that must not pass for a finding. */
function requireSome<T>(claim: string, items: readonly T[]): readonly T[] {
  if (items.length === 0) throw new AppError("INVARIANT", `demo: expected comparisons for "${claim}", got none`);
  return items;
}

/** Whether `more` exceeds `less`. */
function compare(more: Rate, less: Rate): Verdict["outcome"] {
  if (!(more.rate > less.rate)) return "NOT HELD";
  return more.low > less.high ? "held clearly" : "held";
}

export function percent(rate: number): string { return `${(100 * rate).toFixed(1)} %`; }
export function colourName(colour: number): string { return colour === 0 ? "black" : colour === 0.5 ? "grey" : colour === 1 ? "white" : String(colour); }
