import type { Products } from "../../../schema/jobs/results.ts";
import type { RunConfig } from "../../../schema/jobs/run-config.ts";
import { assertNever } from "../../common/errors.ts";
import type { TaskContext } from "../context.ts";
import { attackTask } from "./attack.task.ts";
import { attributeTask } from "./attribute.task.ts";
import { auditTask } from "./audit.task.ts";
import { exportModelTask } from "./export-model.task.ts";
import { importModelTask } from "./import-model.task.ts";
import { inequalityTask } from "./inequality.task.ts";
import { predictTask } from "./predict.task.ts";
import { registerDatasetTask } from "./register-dataset.task.ts";
import { trainTask } from "./train.task.ts";

/** The recipe for each kind of run. @returns what it leaves behind beside results. */
export async function runTask(context: TaskContext, config: RunConfig): Promise<Products | undefined> {
  switch (config.kind) {
    case "train": return { model: await trainTask(context, config) };
    case "attribute": return attributeTask(context, config);
    case "inequality": return inequalityTask(context, config);
    case "attack": return attackTask(context, config);
    case "audit": return auditTask(context, config);
    case "import-model": return { importedModel: await importModelTask(context, config) };
    case "register-dataset": return { dataset: await registerDatasetTask(context, config) };
    case "export-model": return { file: await exportModelTask(context, config) };
    case "predict": return predictTask(context, config);
    default: return assertNever(config);
  }
}
