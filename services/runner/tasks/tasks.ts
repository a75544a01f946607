import type { TrainedModel } from "../../../schema/jobs/results.ts";
import type { RunConfig } from "../../../schema/jobs/run-config.ts";
import { assertNever } from "../../common/errors.ts";
import type { TaskContext } from "../context.ts";
import { attackTask } from "./attack.task.ts";
import { attributeTask } from "./attribute.task.ts";
import { auditTask } from "./audit.task.ts";
import { inequalityTask } from "./inequality.task.ts";
import { trainTask } from "./train.task.ts";

/** The recipe for each kind of run. @returns the model when the run makes one. */
export async function runTask(context: TaskContext, config: RunConfig): Promise<TrainedModel | undefined> {
  switch (config.kind) {
    case "train": return trainTask(context, config);
    case "attribute": return attributeTask(context, config);
    case "inequality": return inequalityTask(context, config);
    case "attack": return attackTask(context, config);
    case "audit": return auditTask(context, config);
    default: return assertNever(config);
  }
}
