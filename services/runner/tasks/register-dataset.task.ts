import type { DatasetReport } from "../../../schema/jobs/dataset.ts";
import type { RegisterDatasetConfig } from "../../../schema/jobs/run-config.ts";
import { inspect } from "../../lab/data/inspect.ts";
import { openDataset } from "../../lab/data/open-dataset.ts";
import type { TaskContext } from "../context.ts";

/** Reads every image of a data set once and reports what it is made of. */
export async function registerDatasetTask({ session, locate, note }: TaskContext, { name, title = name, licence = "not stated", source = "not stated", from }: RegisterDatasetConfig): Promise<DatasetReport> {
  const dataset = await openDataset(from, { name, title, licence, source }, {
    locate, signal: session.signal,
    onProgress: (done, total) => session.progress({ phase: "reading images", done, total, etaSeconds: null, imagesPerSecond: null }),
  });
  const report = await inspect(dataset);
  for (const { code, message } of report.warnings) note(`${code}: ${message}`);
  return report;
}
