import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { attackSchema } from "../../../schema/jobs/attack.ts";
import { attackSummarySchema, imageResultSchema } from "../../../schema/jobs/results.ts";
import { newId } from "../../../services/common/ids.ts";
import { AttackLedger } from "../../../services/lab/attacks/attack-ledger.ts";
import { type ImageBatch, noiseVariant, noPlaces, type VariantResult } from "../../../services/lab/attacks/variant.ts";
import { wilson } from "../../../services/lab/statistics/intervals.ts";

const modelId = newId();
const batch = (labels: number[], ids: number[]): ImageBatch => ({ x: new Float32Array(0), labels: Uint32Array.from(labels), ids: Uint32Array.from(ids) });
const result = (more: Partial<VariantResult> & { success: Float64Array; prediction: Uint32Array }): VariantResult => ({ variant: noPlaces, draws: 1, ...more });
const pgd = attackSchema.parse({ kind: "pgd", epsilon: 0.1 });
const targeted = attackSchema.parse({ kind: "pgd", epsilon: 0.1, target: 2 });
const noise = attackSchema.parse({ kind: "inductive-noise", type: "I", k: [3], draws: 4 });

describe("the ledger of an attack", () => {
  it("takes the error over the sample and the accuracy over all, batch by batch", () => {
    const ledger = new AttackLedger(modelId, pgd, "pgd");
    const attacked = { examples: null, results: [result({ success: Float64Array.of(1, 0, 1), prediction: Uint32Array.of(1, 1, 0), detail: [{ loss: 3 }, { loss: 0.5 }, { loss: 2 }] })] };
    // Image 10 is in the sample alone, 11 in both, 12 (wrong when clean) among all alone.
    ledger.add(batch([0, 1, 1], [10, 11, 12]), attacked, { error: (i) => i < 2, accuracy: (i) => i > 0 });
    ledger.add(batch([2], [13]), { examples: null, results: [result({ success: Float64Array.of(1), prediction: Uint32Array.of(0) })] }, { error: () => true, accuracy: () => true });
    ledger.add(batch([2], [14]), { examples: null, results: [result({ success: Float64Array.of(1), prediction: Uint32Array.of(0) })] }, { error: () => false, accuracy: () => false });
    const [summary] = ledger.summaries.map((s) => attackSummarySchema.parse(s));
    assert.deepEqual([summary!.error, summary!.accuracy], [wilson(2, 3), wilson(1, 3)]);
    assert.deepEqual(ledger.images.map((row) => imageResultSchema.parse(row)).map(({ image, label, prediction, success, value, detail }) => [image, label, prediction, success, value, detail]), [
      [10, 0, 1, true, 1, { loss: 3 }], [11, 1, 1, false, 0, { loss: 0.5 }], [12, 1, 0, true, 1, { loss: 2 }], [13, 2, 0, true, 1, undefined],
    ]);
  });

  it("counts draws, and calls no image of several a success", () => {
    const ledger = new AttackLedger(modelId, noise, "noise-I");
    const of = (placement: "inductive" | "random", ...success: number[]): VariantResult => result({ variant: noiseVariant(placement, 3), draws: 4, success: Float64Array.from(success), prediction: Uint32Array.of(1, 0) });
    ledger.add(batch([0, 0], [5, 6]), { examples: null, results: [of("inductive", 0.25 + 0.25 + 0.25, 1), of("random", 0, 0.25)] }, { error: () => true, accuracy: () => false });
    assert.deepEqual(ledger.summaries.map(({ placement, k, error, accuracy }) => [placement, k, error, accuracy]), [["inductive", 3, wilson(7, 8), null], ["random", 3, wilson(1, 8), null]]);
    assert.deepEqual(ledger.images.map(({ measure, success, value }) => [measure, success, value]), [["noise-I/k=3/inductive", null, 0.75], ["noise-I/k=3/inductive", null, 1], ["noise-I/k=3/random", null, 0], ["noise-I/k=3/random", null, 0.25]]);
  });

  it("leaves images of the target's class out of a targeted attack, which has no accuracy", () => {
    const ledger = new AttackLedger(modelId, targeted, "pgd");
    ledger.add(batch([2, 0, 1], [1, 2, 3]), { examples: null, results: [result({ success: Float64Array.of(1, 1, 0), prediction: Uint32Array.of(2, 2, 1) })] }, { error: () => true, accuracy: () => true });
    assert.deepEqual(ledger.summaries.map(({ error, accuracy }) => [error, accuracy]), [[wilson(1, 2), null]]);
    assert.deepEqual(ledger.images.map(({ image }) => image), [2, 3]);
  });
});
