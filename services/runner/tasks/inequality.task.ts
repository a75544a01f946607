import type { InequalityConfig } from "../../../schema/jobs/run-config.ts";
import type { TaskContext } from "../context.ts";
import { workOnModel } from "./work-on-model.ts";

/** How unequal the maps of the selected images are, by each measure. */
export async function inequalityTask(context: TaskContext, config: InequalityConfig): Promise<undefined> {
  await workOnModel(context, config);
}
