import type { AttackConfig } from "../../../schema/jobs/attack.ts";
import type { AttributionConfig, InequalityMeasure } from "../../../schema/jobs/attribution.ts";
import { measureName } from "../../../schema/jobs/attribution.ts";
import { modelsOf, type RunConfig } from "../../../schema/jobs/run-config.ts";
import { AppError, assertNever } from "../../common/errors.ts";
import type { DatasetRow } from "../../store/queries/datasets.query.ts";
import type { ModelRow } from "../../store/queries/models.query.ts";
import { type Draft, type FieldIssue, invalidInput } from "./config-from-input.ts";

type Path = readonly (string | number)[];
export type Report = (path: Path, message: string) => void;
/** The kinds that train or evaluate on one data set. */
type WorkConfig = Exclude<RunConfig, { kind: "import-model" | "register-dataset" | "export-model" | "predict" }>;

/**
 * What the job schema cannot know: whether a well-formed config fits the models and the data set that it names.
 *
 * @throws AppError NOT_FOUND, MODEL_DELETED, DATASET_MISMATCH, INVALID_INPUT; `details.field` is the place in the input.
 */
export function checkConfig(config: WorkConfig, draft: Draft, models: ReadonlyMap<string, ModelRow>, dataset: DatasetRow | undefined): void {
  const used = modelsOf(config).map((id, i) => requireModel(id, models, draft.fieldOf(config.kind === "audit" ? ["models", i] : ["model"])));
  const data = requireDataset(config.dataset, dataset, draft.fieldOf(["dataset"]));
  used.forEach((model, i) => requireFit(model, data, draft.fieldOf(config.kind === "audit" ? ["models", i] : ["model"])));
  const issues: FieldIssue[] = [];
  checkNumbers(config, data, (path, message) => issues.push({ field: draft.fieldOf(path), message }));
  if (issues.length > 0) throw invalidInput(issues);
}

/** @throws AppError NOT_FOUND, MODEL_DELETED. */
export function requireModel(id: string, models: ReadonlyMap<string, ModelRow>, field: string): ModelRow {
  const model = models.get(id);
  if (!model) throw new AppError("NOT_FOUND", `${field}: expected the id of a model, got ${id}, which there is not`, { field });
  if (model.deletedAt !== null) throw new AppError("MODEL_DELETED", `${field}: model ${JSON.stringify(model.name)} was deleted at ${model.deletedAt.toISOString()}; its weights are gone`, { field });
  return model;
}

/** @throws AppError NOT_FOUND; INVALID_INPUT when its files are missing. */
export function requireDataset(name: string, dataset: DatasetRow | undefined, field: string): DatasetRow {
  if (!dataset) throw new AppError("NOT_FOUND", `${field}: no data set ${JSON.stringify(name)} is registered, and no agent has reported one yet; see the queries datasets and deviceStatus`, { field });
  if (!dataset.available) throw invalidInput([{ field, message: `the data set ${JSON.stringify(name)} is not available: ${dataset.reason ?? "its files are missing"}` }]);
  return dataset;
}

/** @throws AppError DATASET_MISMATCH. */
export function requireFit(model: ModelRow, dataset: DatasetRow, field: string): void {
  const [wanted, got] = [describeImages(model.inputShape, model.classCount), describeImages(dataset.inputShape, dataset.classes.length)];
  if (wanted === got) return;
  throw new AppError("DATASET_MISMATCH", `${field}: model ${JSON.stringify(model.name)} takes ${wanted}, the data set ${dataset.name} has ${got}`, { field });
}

export function describeImages(shape: readonly number[], classes: number): string { return `images [${shape.join(", ")}] in ${classes} classes`; }

function checkNumbers(config: WorkConfig, data: DatasetRow, report: Report): void {
  if (config.kind === "train") {
    atMost(config.trainCount, data.trainCount, "training images", ["trainCount"], report);
    atMost(config.batchSize, config.trainCount ?? data.trainCount, "training images that are used", ["batchSize"], report);
    atMost(config.evaluation.count, data.testCount, "test images", ["evaluation", "count"], report);
    atMost(config.probe.count, data.testCount, "test images", ["probe", "count"], report);
    checkAttribution(config.probe.attribution, data, ["probe", "attribution"], report);
    return;
  }
  checkAttribution(config.attribution, data, ["attribution"], report);
  if (config.kind === "audit") atMost(config.sampleSize, data.testCount, "test images", ["sampleSize"], report);
  else checkSelection(config.selection, data, report);
  if (config.kind === "inequality" || config.kind === "audit") checkMeasures(config.measures, data, report);
  if (config.kind === "attack") checkAttack(config.attack, data, ["attack"], report);
  if (config.kind === "audit") {
    config.attacks.forEach((attack, i) => checkAttack(attack, data, ["attacks", i], report));
    distinct(config.attacks.map((attack) => JSON.stringify(attack)), ["attacks"], report);
  }
}

function checkSelection({ split, count, indices }: { split: "train" | "test"; count: number; indices?: number[] | undefined }, data: DatasetRow, report: Report): void {
  if (indices) return checkIndices(indices, split, data, ["selection", "indices"], report);
  atMost(count, split === "train" ? data.trainCount : data.testCount, `images of the split ${split}`, ["selection", "count"], report);
}

/** Inside the split, and each once. */
export function checkIndices(indices: readonly number[], split: "train" | "test", data: DatasetRow, path: Path, report: Report): void {
  const size = split === "train" ? data.trainCount : data.testCount;
  indices.forEach((index, i) => {
    if (index >= size) report([...path, i], `expected below ${size}, the size of the split ${split}, got ${index}`);
  });
  distinct(indices, path, report);
}

function checkAttribution({ baselineValues }: AttributionConfig, { inputShape }: DatasetRow, path: Path, report: Report): void {
  const [channels, all] = [inputShape[0]!, volume(inputShape)];
  if (!baselineValues || [1, channels, all].includes(baselineValues.length)) return;
  report([...path, "baselineValues"], `expected 1 value, ${channels} (one per channel) or ${all} (one per sub-pixel), got ${baselineValues.length}`);
}

function checkMeasures(measures: readonly InequalityMeasure[], { inputShape }: DatasetRow, report: Report): void {
  const side = Math.min(inputShape[1]!, inputShape[2]!);
  measures.forEach((measure, i) => {
    if (measure.scope === "regional") atMost(measure.block, side, "pixels, the image's side", ["measures", i, "block"], report);
  });
  distinct(measures.map(measureName), ["measures"], report);
}

function checkAttack(attack: AttackConfig, { inputShape, classes }: DatasetRow, path: Path, report: Report): void {
  const subPixels = volume(inputShape);
  const side = Math.min(inputShape[1]!, inputShape[2]!);
  if (attack.kind === "pgd") {
    if (attack.norm === "l2" && attack.epsilon > Math.sqrt(subPixels)) report([...path, "epsilon"], `expected at most √${subPixels}, the diagonal of [0, 1]^${subPixels}, got ${attack.epsilon}`);
    if (attack.target !== undefined && attack.target >= classes.length) report([...path, "target"], `expected a class below ${classes.length}, got ${attack.target}`);
  } else if (attack.kind === "inductive-noise") {
    attack.k.forEach((k, i) => atMost(k, subPixels, "sub-pixels of an image", [...path, "k", i], report));
    distinct(attack.k, [...path, "k"], report);
  } else if (attack.kind === "inductive-occlusion") {
    atMost(attack.maxRadius, side, "pixels, the image's side", [...path, "maxRadius"], report);
    distinct(attack.colours, [...path, "colours"], report);
  } else assertNever(attack);
}

function atMost(value: number | undefined, limit: number, what: string, path: Path, report: Report): void {
  if (value !== undefined && value > limit) report(path, `expected at most ${limit} ${what}, got ${value}`);
}

/** Results are keyed by these, so a second one could not be told from the first. */
function distinct(items: readonly unknown[], path: Path, report: Report): void {
  const seen = new Set<unknown>();
  items.forEach((item, i) => {
    if (seen.has(item)) report([...path, i], "expected distinct values, this one comes twice");
    seen.add(item);
  });
}

function volume(shape: readonly number[]): number { return shape.reduce((product, side) => product * side, 1); }
