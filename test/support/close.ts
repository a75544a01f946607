import assert from "node:assert/strict";

export interface Tolerance { readonly atol: number; readonly rtol: number }

/** One place for tolerances; loosening one in a test needs a comment there. */
export const TOLERANCE = {
  elementwise: { atol: 1e-6, rtol: 1e-5 },
  /** A sum of n products of order 1. */
  reduction: (n: number): Tolerance => ({ atol: 1e-6 * Math.sqrt(n), rtol: 1e-5 * Math.sqrt(n) }),
  layer: { atol: 1e-4, rtol: 1e-4 },
  model: { atol: 1e-3, rtol: 1e-3 },
} as const;

/** Elementwise |a-b| ≤ atol + rtol·|b|; on failure reports how many, how bad and the first few. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, { atol, rtol }: Tolerance): void {
  assert.equal(actual.length, expected.length, "length");
  const bad: string[] = [];
  let count = 0;
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    worst = Math.max(worst, error);
    if (error <= atol + rtol * Math.abs(expected[i]!)) continue; // NaN compares false, so it falls through
    count++;
    if (bad.length < 5) bad.push(`  [${i}] got ${actual[i]}, want ${expected[i]}`);
  }
  assert.ok(count === 0, `${count}/${actual.length} elements off (worst ${worst}):\n${bad.join("\n")}`);
}

/** ‖a-b‖₂ / ‖b‖₂ */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) { difference += (actual[i]! - expected[i]!) ** 2; norm += expected[i]! ** 2; }
  return Math.sqrt(difference / Math.max(norm, Number.MIN_VALUE));
}
