import { writeBlob } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { claimRun, finishRun, recordKernelVariants, recordProgress, recordResults } from "../../services/store/claims.store.ts";
import type { Database } from "../../services/store/db.ts";
import { type RunConfig, runConfigSchema } from "../../schema/jobs/run-config.ts";
import { type Rate, resultsSchema, type ResultsInput } from "../../schema/jobs/results.ts";
import { makeRun } from "./runs.ts";

export const ENVIRONMENT = {
  adapter: "llvmpipe (LLVM 19)", adapterKind: "lavapipe", software: true, vendor: "mesa", architecture: "", kernelFamily: "software", dawn: "1", node: "v20", platform: "linux x64", code: "0.1.0",
  advice: "install a GPU", measuredGflops: 12.5,
};

export function rate(count: number, n: number): Rate { return { count, n, rate: count / n, low: Math.max(0, count / n - 0.1), high: Math.min(1, count / n + 0.1) }; }
const mean = (value: number) => ({ mean: value, sd: 0.1, n: 4, low: value - 0.05, high: value + 0.05 });

export function auditConfig(models: readonly string[]): RunConfig {
  return runConfigSchema.parse({
    kind: "audit", models, dataset: "mnist-digits", sampleSize: 4, measures: [{ scope: "global" }, { scope: "regional", block: 4 }],
    attacks: [{ kind: "pgd", epsilon: 0.3 }, { kind: "inductive-noise", type: "II", k: [20, 52] }, { kind: "inductive-occlusion", maxCount: 5, maxRadius: 2, colours: [0, 1] }],
  });
}

/** What an audit of these models might have found; image i of model m has the value (i % 3)/10 + m, the last image has none. */
export async function auditResults(models: readonly string[], config: RunConfig, blobDir: string): Promise<ResultsInput> {
  if (config.kind !== "audit") throw new Error("expected an audit");
  const [pgd, noise, occlusion] = config.attacks;
  const map = await writeBlob(blobDir, Buffer.alloc(784 * 4, 7), "application/octet-stream");
  const png = await writeBlob(blobDir, Buffer.from("not really a PNG"), "image/png");
  const places = ["inductive", "random"] as const;
  return {
    sampleSet: { split: "test", indices: [3, 5, 8, 13] },
    accuracies: models.map((modelId, m) => ({ modelId, clean: rate(97 - m, 100) })),
    images: models.flatMap((modelId, m) => [0, 1, 2, 3, 4, 5, 6].map((image) => ({ modelId, measure: "gini/global/absolute", image, label: image, prediction: null, value: image === 6 ? null : (image % 3) / 10 + m, success: null }))),
    inequality: models.flatMap((modelId, m) => config.measures.map((measure) => ({
      modelId, attribution: config.attribution, measure, gini: mean(0.6 + m / 10), histogram: [0, 4], lorenz: [0, 0.2, 1], completenessGap: mean(0.01),
    }))),
    attacks: models.flatMap((modelId, m) => [
      { modelId, attack: pgd!, placement: "none" as const, k: null, colour: null, maxCount: null, maxRadius: null, error: rate(3 - m, 4), accuracy: rate(10 + m, 100) },
      ...[20, 52].flatMap((k) => places.map((placement) => ({ modelId, attack: noise!, placement, k, colour: null, maxCount: null, maxRadius: null, error: placement === "random" ? rate(0, 4) : rate(2, 4), accuracy: null }))),
      ...[0, 1].flatMap((colour) => places.map((placement) => ({ modelId, attack: occlusion!, placement, k: null, colour, maxCount: 5, maxRadius: 2, error: placement === "random" ? rate(1, 4) : rate(4, 4), accuracy: null }))),
    ]),
    artifacts: models.flatMap((modelId) => [
      { modelId, image: 3, kind: "attribution" as const, measure: "integrated-gradients", shape: [1, 28, 28], blob: map },
      { modelId, image: 3, kind: "heat-map" as const, measure: "integrated-gradients", shape: [1, 28, 28], blob: png },
      { modelId, image: 3, kind: "adversarial" as const, measure: "pgd-linf", shape: [1, 28, 28], blob: png },
    ]),
  };
}

/** An audit that succeeded, without an agent. */
export async function makeAudit(database: Database, blobDir: string, models: readonly string[]): Promise<string> {
  const config = auditConfig(models);
  const run = await makeRun(database, config, "42");
  const claimed = await claimRun(database, run.id, { agentId: newId(), environment: ENVIRONMENT, blobDir });
  if (claimed.outcome !== "claimed") throw new Error(`the run was ${claimed.outcome}`);
  await recordProgress(database, claimed.claim, { progress: { phase: "PGD", done: 1, total: 2, etaSeconds: 3, imagesPerSecond: null }, points: [{ series: "loss", step: 1, value: 2.5 }, { series: "loss", step: 2, value: null }, { series: "accuracy", step: 1, value: 0.5 }] });
  await recordResults(database, claimed.claim, blobDir, resultsSchema.parse(await auditResults(models, config, blobDir)));
  await recordKernelVariants(database, claimed.claim, { "forward 3×3 1→32 +1 on 28×28": ["filter-row", "direct"] });
  await finishRun(database, claimed.claim, blobDir);
  return run.id;
}
