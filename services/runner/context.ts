import type { FileRef } from "../../schema/jobs/file-ref.ts";
import type { BlobRef, ResultsInput } from "../../schema/jobs/results.ts";
import type { ModelRef } from "../../schema/jobs/runner-message.ts";
import type { Dataset } from "../lab/data/dataset.ts";
import type { Architecture } from "../lab/models/architecture.ts";
import type { Network } from "../lab/models/network.ts";
import type { TensorFile } from "../lab/models/weights/tensor-file.ts";
import type { Session } from "../lab/session.ts";
import type { Metric } from "../lab/training/train.ts";

/** What a task has to work with. All that it makes through the session is freed when it ends. */
export interface TaskContext {
  readonly session: Session;
  readonly seed: bigint;
  /** The models that the run names, in the config's order. */
  readonly models: readonly ModelRef[];
  /** Training only: the checkpoint to go on from. */
  readonly resume: { readonly epoch: number; readonly bytes: Uint8Array } | undefined;
  /** @throws AppError DATASET_UNAVAILABLE, DATASET_CORRUPT. */
  dataset(name: string): Promise<Dataset>;
  /** Where an uploaded file, or one on this machine that may be read, really lies. @throws AppError NOT_FOUND, INVALID_INPUT. */
  locate(file: FileRef): Promise<string>;
  /** @throws AppError NOT_FOUND, BLOB_CORRUPT, WEIGHTS_CORRUPT. */
  loadModel(model: ModelRef): Promise<Network>;
  /** By its name, or from the file that defines it. @throws AppError NOT_FOUND, BLOB_CORRUPT, MODEL_UNSUPPORTED. */
  architectureOf(model: ModelRef): Promise<Architecture>;
  /** Its file of weights. @throws AppError NOT_FOUND, BLOB_CORRUPT, WEIGHTS_CORRUPT. */
  weightsOf(model: ModelRef): Promise<TensorFile>;
  /** Stores bytes for good; what a result refers to is written before the result is sent. */
  writeBlob(bytes: Uint8Array, contentType: string): Promise<BlobRef>;
  metrics(points: readonly Metric[]): void;
  results(results: ResultsInput): void;
  note(message: string): void;
  checkpoint(epoch: number, blob: BlobRef): void;
}
