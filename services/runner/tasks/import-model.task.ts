import { createHash } from "node:crypto";

import type { GoldenResult, ImportedModel } from "../../../schema/jobs/results.ts";
import type { ImportModelConfig } from "../../../schema/jobs/run-config.ts";
import type { Warning } from "../../../schema/jobs/warning.ts";
import { AppError } from "../../common/errors.ts";
import { runGolden } from "../../lab/models/brought/golden.ts";
import { probeOutputs } from "../../lab/models/brought/probe-outputs.ts";
import { readModel } from "../../lab/models/brought/read-model.ts";
import { writeSafetensors } from "../../lab/models/weights/safetensors.ts";
import type { TaskContext } from "../context.ts";
import { readRegularFile } from "../read-file.ts";

/** Files are read whole: weights of 500 million numbers, three times what the largest architecture has, and the most that Node reads at once. */
const WEIGHTS = { field: "from.file", maxBytes: 2 ** 31 - 1, advice: "save the weights without the optimiser's state" } as const;

/** Reads a network that somebody brings, looks at it, measures its golden accuracy, and keeps its weights in one form. */
export async function importModelTask(context: TaskContext, config: ImportModelConfig): Promise<ImportedModel> {
  const { session } = context;
  const bytes = await readRegularFile(await context.locate(config.from.file), WEIGHTS);
  const { format, architecture, shape, tensors, summary: { parameterCount, flops, operators }, warnings } = await readModel(bytes, config);
  session.check();
  if (parameterCount === 0) throw new AppError("MODEL_UNSUPPORTED", "model: expected a network with weights, got none");
  const network = session.loadNetwork(architecture, shape, tensors);
  const found = [...warnings, ...await probeOutputs(session, network)];
  const golden = config.golden ? await runGolden(session, network, await context.dataset(config.golden.dataset), config.golden) : null;
  if (golden && !golden.passed) found.push(mismatch(golden));
  for (const { code, message } of found) context.note(`${code}: ${message}`);
  return {
    format, operators, golden, warnings: found.slice(0, 100).map(({ code, message }) => ({ code, message: message.slice(0, 2000) })),
    weights: await context.writeBlob(writeSafetensors(tensors), "application/vnd.safetensors"),
    definition: format === "onnx" ? await context.writeBlob(bytes, "application/onnx") : null,
    fileSha256: createHash("sha256").update(bytes).digest("hex"),
    parameterCount, flops: Math.max(1, Math.round(flops)),
    normalisation: { mean: [...shape.mean], std: [...shape.std] }, inputShape: [...shape.inputShape], classCount: shape.classCount,
  };
}

function mismatch({ dataset, split, expected, tolerance, measured }: GoldenResult): Warning {
  const percent = (rate: number): string => `${(100 * rate).toFixed(2)} %`;
  return {
    code: "GOLDEN_MISMATCH",
    message: `Expected ${percent(expected)} ± ${percent(tolerance)} right on ${dataset}/${split}, measured ${percent(measured.rate)} (${measured.count} of ${measured.n}). Do weights, normalisation, order of classes and the images belong together?`,
  };
}
