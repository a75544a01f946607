import type { DatasetName } from "../../schema/jobs/run-config.ts";
import { type DatasetPaths, loadDataset } from "../lab/data/catalogue.ts";
import type { Dataset } from "../lab/data/dataset.ts";

/** Keeps the data set used last: runs on one set come in rows, and reading one takes seconds and up to 200 MB. */
export class DatasetShelf {
  #last: Dataset | undefined;
  constructor(readonly paths: DatasetPaths) {}

  /** @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT. */
  get(name: DatasetName): Dataset {
    if (this.#last?.name !== name) {
      this.#last = undefined; // lets go of the old one before the new one is read
      this.#last = loadDataset(name, this.paths);
    }
    return this.#last;
  }
}
