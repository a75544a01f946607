import type { AuditConfig } from "../../../schema/jobs/run-config.ts";
import { audit, type AuditedModel } from "../../lab/audit/audit.ts";
import type { TaskContext } from "../context.ts";
import { report } from "./work-on-model.ts";

/** The whole protocol over several models; each model's results are sent when it is done. */
export async function auditTask(context: TaskContext, config: AuditConfig): Promise<undefined> {
  const models: AuditedModel[] = [];
  for (const model of context.models) models.push({ id: model.id, name: model.name, network: await context.loadModel(model) });
  await audit(context.session, models, await context.dataset(config.dataset), config, context.seed, context.writeBlob, (results) => report(context, results));
}
