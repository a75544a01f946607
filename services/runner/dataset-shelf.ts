import { isBuiltInDataset } from "../../schema/jobs/run-config.ts";
import type { DatasetRef } from "../../schema/jobs/runner-message.ts";
import { AppError } from "../common/errors.ts";
import { type DatasetPaths, loadDataset } from "../lab/data/catalogue.ts";
import type { Dataset } from "../lab/data/dataset.ts";
import { inMemory, openDataset, type OpenOptions } from "../lab/data/open-dataset.ts";

/** Keeps the data set used last: runs on one set come in rows, and reading one takes seconds and up to 200 MB. */
export class DatasetShelf {
  #last: Dataset | undefined;
  constructor(readonly paths: DatasetPaths) {}

  /**
   * @param registered the sets that the run names and that are not built in.
   * @throws AppError NOT_FOUND, DATASET_UNAVAILABLE, DATASET_CORRUPT.
   */
  async get(name: string, registered: readonly DatasetRef[], { locate, signal }: Pick<OpenOptions, "locate" | "signal">): Promise<Dataset> {
    const ref = registered.find((one) => one.name === name);
    // One that is streamed is opened again, and so looked at: its files may have changed.
    if (this.#last?.name === name && (!ref || (this.#last.contentHash === ref.report.contentHash && inMemory(this.#last)))) return this.#last;
    this.#last = undefined; // lets go of the old one before the new one is read
    if (ref) this.#last = await openDataset(ref.from, ref, { locate, known: ref.report, ...(signal && { signal }) });
    else if (isBuiltInDataset(name)) this.#last = loadDataset(name, this.paths);
    else throw new AppError("NOT_FOUND", `data set: expected a known one, got ${name}`);
    return this.#last;
  }
}
