import type { ModelRow } from "../../store/queries/models.query.ts";
import type { Loaders } from "../context.ts";

/** The model's own, else those of its data set, else the numbers of its outputs. */
export async function classNamesOf(model: ModelRow, loaders: Loaders): Promise<readonly string[]> {
  const names = model.classNames ?? (model.dataset === null ? undefined : (await loaders.dataset.load(model.dataset))?.classes);
  return names?.length === model.classCount ? names : Array.from({ length: model.classCount }, (_, i) => String(i));
}
