import type { AttributeConfig } from "../../../schema/jobs/run-config.ts";
import type { TaskContext } from "../context.ts";
import { workOnModel } from "./work-on-model.ts";

/** Maps of the selected images, as numbers and as heat maps, with the gap of each path integral. */
export async function attributeTask(context: TaskContext, config: AttributeConfig): Promise<undefined> {
  await workOnModel(context, { ...config, keepMaps: Infinity });
}
