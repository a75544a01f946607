import type { AttackRunConfig } from "../../../schema/jobs/run-config.ts";
import type { TaskContext } from "../context.ts";
import { workOnModel } from "./work-on-model.ts";

/** One attack, with its control where it has places, on the selected images. */
export async function attackTask(context: TaskContext, { attack, ...config }: AttackRunConfig): Promise<undefined> {
  await workOnModel(context, { ...config, attacks: [attack] });
}
