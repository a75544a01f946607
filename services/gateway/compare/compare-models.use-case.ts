import type { ComparedErrorType, ComparisonRowType, ComparisonType } from "../../../schema/graphql/comparison.type.ts";
import type { AttackSummary } from "../../../schema/jobs/results.ts";
import { AppError } from "../../common/errors.ts";
import type { Db } from "../../store/database.ts";
import { newestAuditOf, type RunRow } from "../../store/queries/runs.query.ts";
import type { GatewayContext, Loaders } from "../context.ts";
import { requireId } from "../require-id.ts";
import { viewAttribution, viewMeasure } from "../results/measure-view.ts";

const MOST_MODELS = 20;

/**
 * The table of an audit: of `runId`, or of the newest succeeded one of exactly these models, or else of the newest that has
 * them all.
 *
 * @throws AppError NOT_FOUND, INVALID_INPUT, CONFLICT.
 */
export async function compareModels({ database, loaders }: GatewayContext, models: readonly string[], runId: string | null): Promise<ComparisonType> {
  const ids = models.map((id, i) => requireId(id, `models.${i}`, "model"));
  if (ids.length < 1 || ids.length > MOST_MODELS || new Set(ids).size !== ids.length) {
    throw new AppError("INVALID_INPUT", `models: expected 1 to ${MOST_MODELS} distinct models, got ${ids.length}`, { field: "models" });
  }
  const found = await loaders.model.loadMany(ids);
  found.forEach((model, i) => {
    if (!model || model instanceof Error) throw new AppError("NOT_FOUND", `models.${i}: expected the id of a model, got ${ids[i]}, which there is not`, { field: `models.${i}` });
  });
  const run = runId === null ? await newestAudit(database.db, ids) : await namedAudit(loaders, runId, ids);
  return { runId: run.id, sampleSize: run.sampleSet?.indices.length ?? 0, rows: await Promise.all(ids.map((id) => rowOf(loaders, run.id, id))) };
}

async function newestAudit(db: Db, ids: readonly string[]): Promise<RunRow> {
  const run = await newestAuditOf(db, ids);
  if (run) return run;
  throw new AppError("NOT_FOUND", `models: expected a succeeded audit that has all of these models, found none; run the mutation audit(input: { models: ${JSON.stringify(ids)}, attacks: … }) first`, { field: "models" });
}

async function namedAudit(loaders: Loaders, runId: string, ids: readonly string[]): Promise<RunRow> {
  const run = await loaders.run.load(requireId(runId, "runId", "run"));
  if (run?.config.kind !== "audit") throw new AppError("NOT_FOUND", `runId: expected the id of an audit, got ${runId}${run ? `, a run of kind ${run.kind}` : ", which there is not"}`, { field: "runId" });
  if (run.status !== "succeeded") throw new AppError("CONFLICT", `runId: expected a succeeded audit, got one that is ${run.status}`, { field: "runId" });
  const missing = ids.findIndex((id) => run.config.kind === "audit" && !run.config.models.includes(id));
  if (missing >= 0) throw new AppError("INVALID_INPUT", `models.${missing}: expected a model of audit ${runId}, got ${ids[missing]}`, { field: `models.${missing}` });
  return run;
}

async function rowOf(loaders: Loaders, runId: string, modelId: string): Promise<ComparisonRowType> {
  const [accuracies, inequality, attacks] = await Promise.all([loaders.accuracies.load(runId), loaders.inequality.load(runId), loaders.attacks.load(runId)]);
  const summaries = attacks.filter((row) => row.modelId === modelId).map((row) => row.summary);
  return {
    modelId,
    cleanAccuracy: accuracies.find((row) => row.modelId === modelId)?.clean ?? null,
    pgd: summaries.filter((row) => row.placement === "none").map(({ attack, accuracy, error }) => ({ attack: viewAttack(attack), accuracy, error })),
    gini: inequality.filter((row) => row.modelId === modelId).map(({ summary }) => ({ attribution: viewAttribution(summary.attribution), measure: viewMeasure(summary.measure), gini: summary.gini })),
    errors: errorsBesideControls(summaries),
  };
}

/** One row per perturbation: the inductive one with the random one of the same attack, k, colour, N and R. */
function errorsBesideControls(summaries: readonly AttackSummary[]): ComparedErrorType[] {
  const controls = new Map(summaries.filter((row) => row.placement === "random").map((row) => [perturbation(row), row.error]));
  return summaries.filter((row) => row.placement === "inductive").map((row) => ({
    attack: viewAttack(row.attack), k: row.k, colour: row.colour, maxCount: row.maxCount, maxRadius: row.maxRadius,
    error: row.error, control: controls.get(perturbation(row)) ?? null,
  }));
}

function perturbation({ attack, k, colour, maxCount, maxRadius }: AttackSummary): string {
  return JSON.stringify([Object.entries(attack).sort(), k, colour, maxCount, maxRadius]);
}

/** The stored config as the GraphQL union sees it: told apart by `kind`, with null for what was not asked. */
function viewAttack(attack: AttackSummary["attack"]): ComparedErrorType["attack"] {
  return attack.kind === "pgd" ? { ...attack, stepSize: attack.stepSize ?? null, target: attack.target ?? null } : attack;
}
