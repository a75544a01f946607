import type { AttackConfig } from "../../../schema/jobs/attack.ts";
import type { AttributionConfig, InequalityMeasure } from "../../../schema/jobs/attribution.ts";
import type { ResultsInput } from "../../../schema/jobs/results.ts";
import type { SelectionConfig } from "../../../schema/jobs/run-config.ts";
import { runModelWork } from "../../lab/audit/model-work.ts";
import { select } from "../../lab/audit/sample-set.ts";
import type { TaskContext } from "../context.ts";

/** Rows of per-image numbers, or files, in one message: keeps a message, and the transaction behind it, around a megabyte. */
const ROWS_PER_MESSAGE = 4000;

interface OneModelWork {
  readonly dataset: string;
  readonly selection: SelectionConfig;
  readonly batchSize: number;
  readonly attribution: AttributionConfig;
  readonly measures?: readonly InequalityMeasure[];
  readonly attacks?: readonly AttackConfig[];
  readonly keepMaps?: number;
  readonly keepExamples?: number;
}

/** What the runs on a single model share: choose images, do the work, report it. */
export async function workOnModel(context: TaskContext, { dataset: name, selection, batchSize, attribution, measures = [], attacks = [], keepMaps = 0, keepExamples = 0 }: OneModelWork): Promise<void> {
  const { session, seed, models: [model] } = context;
  const dataset = await context.dataset(name);
  const network = await context.loadModel(model!);
  const { split, indices, right } = await select(session, network, dataset, selection, seed);
  context.results({ sampleSet: { split, indices: [...indices] } });
  const started = session.clock.monotonic();
  const results = await runModelWork(session, {
    modelId: model!.id, network, dataset, split, sample: indices, right, pgdImages: indices, accuracyOver: new Set(indices),
    attribution, measures, attacks, batchSize, seed, keepMaps, keepExamples,
  }, context.writeBlob, (done, total) => {
    const seconds = (session.clock.monotonic() - started) / 1000;
    session.progress({ phase: "images", done, total, etaSeconds: (seconds / done) * (total - done), imagesPerSecond: seconds > 0 ? done / seconds : null });
  });
  report(context, results);
}

/** Sends results in messages of bounded size. */
export function report(context: TaskContext, { images = [], artifacts = [], ...rest }: ResultsInput): void {
  context.results(rest);
  for (let first = 0; first < images.length; first += ROWS_PER_MESSAGE) context.results({ images: images.slice(first, first + ROWS_PER_MESSAGE) });
  for (let first = 0; first < artifacts.length; first += ROWS_PER_MESSAGE) context.results({ artifacts: artifacts.slice(first, first + ROWS_PER_MESSAGE) });
}
