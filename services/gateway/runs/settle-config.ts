import { datasetsOf, type ImportModelConfig, modelsOf, type PredictConfig, type RegisterDatasetConfig, type RunConfig, runConfigSchema } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import type { Db } from "../../store/database.ts";
import { type DatasetRow, datasetsByNames } from "../../store/queries/datasets.query.ts";
import { modelsByIds, type ModelRow } from "../../store/queries/models.query.ts";
import { checkConfig, checkIndices, describeImages, type Report, requireDataset, requireFit, requireModel } from "./check-config.ts";
import { type Draft, type FieldIssue, invalidInput } from "./config-from-input.ts";

/** The rows that a config names. */
interface Known { readonly models: ReadonlyMap<string, ModelRow>; readonly datasets: ReadonlyMap<string, DatasetRow> }

/**
 * Checks a config against the models and data sets that it names, and fills in what follows from them, so that the record
 * of the run says everything.
 *
 * @throws AppError NOT_FOUND, MODEL_DELETED, DATASET_MISMATCH, CONFLICT, INVALID_INPUT; `details.field` is the place in the input.
 */
export async function settleConfig(config: RunConfig, draft: Draft, db: Db): Promise<RunConfig> {
  const names = config.kind === "register-dataset" ? [config.name] : datasetsOf(config);
  const known: Known = {
    models: new Map((await modelsByIds(db, modelsOf(config))).map((row) => [row.id, row])),
    datasets: new Map((await datasetsByNames(db, [...new Set(names)])).map((row) => [row.name, row])),
  };
  switch (config.kind) {
    case "import-model": return settleImport(config, draft, known);
    case "register-dataset": return settleRegistration(config, draft, known);
    case "export-model": requireModel(config.model, known.models, draft.fieldOf(["model"])); return config;
    case "predict": return settlePrediction(config, draft, known);
    default: checkConfig(config, draft, known.models, known.datasets.get(config.dataset)); return config;
  }
}

function settleRegistration(config: RegisterDatasetConfig, { fieldOf }: Draft, { datasets }: Known): RegisterDatasetConfig {
  if (!datasets.has(config.name)) return config;
  throw new AppError("CONFLICT", `${fieldOf(["name"])}: expected a name that is not taken, got ${config.name}; the query datasets has it`, { field: fieldOf(["name"]) });
}

function settlePrediction(config: PredictConfig, draft: Draft, { models, datasets }: Known): PredictConfig {
  const model = requireModel(config.model, models, draft.fieldOf(["model"]));
  if (config.images.kind === "files") return config;
  const { dataset: name, split, indices } = config.images;
  const dataset = requireDataset(name, datasets.get(name), draft.fieldOf(["images", "dataset"]));
  requireFit(model, dataset, draft.fieldOf(["model"]));
  collect(draft, (report) => checkIndices(indices, split, dataset, ["images", "indices"], report));
  return config;
}

function settleImport(config: ImportModelConfig, draft: Draft, { datasets }: Known): ImportModelConfig {
  const settled = config.dataset === undefined ? config : filledFrom(requireDataset(config.dataset, datasets.get(config.dataset), draft.fieldOf(["dataset"])), config, draft);
  collect(draft, (report) => {
    const [named, needed] = [config.from.kind === "state-dict", "or dataset, to take it from; got neither"];
    if (named && !settled.inputShape) report(["inputShape"], `expected [channels, height, width], ${needed}`);
    if (named && settled.classCount === undefined) report(["classCount"], `expected the number of classes, classNames, ${needed}`);
    if (!named && !settled.normalisation) report(["normalisation"], `expected mean and std (0 and 1 for a network that normalises itself), ${needed}`);
    const [channels, means] = [settled.inputShape?.[0], settled.normalisation?.mean.length];
    if (channels !== undefined && means !== undefined && channels !== means) report(["normalisation", "mean"], `expected ${channels} values, one per channel, got ${means}`);
  });
  checkGolden(settled, draft, datasets);
  requireContract(settled, draft);
  return settled;
}

/** A data set may have what no model can: one class, longer names, larger images. @throws AppError INVALID_INPUT. */
function requireContract(settled: ImportModelConfig, draft: Draft): void {
  const parsed = runConfigSchema.safeParse(settled);
  if (parsed.success) return;
  collect(draft, (report) => { for (const { path, message } of parsed.error.issues) report(path.filter((part) => typeof part !== "symbol"), `${message} (as the data set ${settled.dataset} has it)`); });
}

/** What is absent is the data set's; what is there must agree with it. */
function filledFrom({ name, inputShape, classes, normalisation }: DatasetRow, config: ImportModelConfig, { fieldOf }: Draft): ImportModelConfig {
  const [c, h, w] = inputShape as [number, number, number];
  const mismatch = (field: string, got: string, own: string): never => {
    throw new AppError("DATASET_MISMATCH", `${fieldOf([field])}: expected ${own}, as the data set ${name} has, got ${got}`, { field: fieldOf([field]) });
  };
  if (config.inputShape && config.inputShape.join() !== inputShape.join()) mismatch("inputShape", `[${config.inputShape.join(", ")}]`, `[${inputShape.join(", ")}]`);
  if (config.classCount !== undefined && config.classCount !== classes.length) mismatch(config.classNames ? "classNames" : "classCount", `${config.classCount} classes`, `${classes.length}`);
  return {
    ...config, inputShape: [c, h, w], classCount: classes.length, classNames: config.classNames ?? classes,
    // One that cannot be divided by is nobody's: the file must bring another, or the request.
    ...((config.normalisation || normalisation.std.every((std) => std > 0)) && { normalisation: config.normalisation ?? { ...normalisation, from: "dataset" as const } }),
  };
}

function checkGolden({ golden, inputShape, classCount }: ImportModelConfig, draft: Draft, datasets: ReadonlyMap<string, DatasetRow>): void {
  if (!golden) return;
  const field = draft.fieldOf(["golden", "dataset"]);
  const dataset = requireDataset(golden.dataset, datasets.get(golden.dataset), field);
  const wanted = describeImages(inputShape ?? dataset.inputShape, classCount ?? dataset.classes.length);
  const got = describeImages(dataset.inputShape, dataset.classes.length);
  if (wanted !== got) throw new AppError("DATASET_MISMATCH", `${field}: the network takes ${wanted}, the data set ${dataset.name} has ${got}`, { field });
  const size = golden.split === "train" ? dataset.trainCount : dataset.testCount;
  collect(draft, (report) => {
    if (size < (golden.count ?? 1)) report(["golden", golden.count === undefined ? "split" : "count"], `expected at most ${size} images of the split ${golden.split}, got ${golden.count ?? "all of none"}`);
    if (golden.indices) checkIndices(golden.indices, golden.split, dataset, ["golden", "indices"], report);
  });
}

/** @throws AppError INVALID_INPUT with all that was reported. */
function collect(draft: Draft, check: (report: Report) => void): void {
  const issues: FieldIssue[] = [];
  check((path, message) => issues.push({ field: draft.fieldOf(path), message }));
  if (issues.length > 0) throw invalidInput(issues);
}
