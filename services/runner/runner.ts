/**
 * Owns the GPU and does one run at a time; speaks the messages of schema/jobs/runner-message.ts and knows neither SQL nor
 * GraphQL. Stays warm between runs, because opening a device and compiling kernels costs more than many runs.
 */
import type { FileRef } from "../../schema/jobs/file-ref.ts";
import type { AgentMessage, ModelRef, RunnerMessage } from "../../schema/jobs/runner-message.ts";
import { agentMessageSchema } from "../../schema/jobs/runner-message.ts";
import { blobPath, openBlob, readBlob, writeBlob } from "../common/blob-files.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import { AppError, assertNever } from "../common/errors.ts";
import { isId } from "../common/ids.ts";
import { resolveImportPath } from "../common/import-paths.ts";
import { logger } from "../common/log.ts";
import { Gpu } from "../engine/gpu/device.ts";
import { measureGflops } from "../engine/gpu/measure.ts";
import { describeDatasets } from "../lab/data/catalogue.ts";
import type { Architecture } from "../lab/models/architecture.ts";
import { architectureNamed } from "../lab/models/architectures.ts";
import { importOnnx } from "../lab/models/onnx/import-onnx.ts";
import { readSafetensors } from "../lab/models/weights/safetensors.ts";
import type { TensorFile } from "../lab/models/weights/tensor-file.ts";
import { Session } from "../lab/session.ts";
import type { TaskContext } from "./context.ts";
import { DatasetShelf } from "./dataset-shelf.ts";
import { environmentOf } from "./environment.ts";
import { type Failure, failureOf } from "./failure.ts";
import { throttled } from "./progress.ts";
import { storable } from "./storable.ts";
import { runTask } from "./tasks/tasks.ts";
import { DeviceTuning, type TuningSettings } from "./tuning.ts";

type Start = ReturnType<typeof agentMessageSchema.parse> & { type: "start" };

export interface RunnerOptions {
  /** Data sets lie in datasets/<name> below it. */
  readonly dataDir: string;
  /** Absolute folders whose files runs may name. Default: none. */
  readonly importRoots?: readonly string[];
  readonly send: (message: RunnerMessage) => void;
  /** Default: off. */
  readonly tuning?: TuningSettings;
  readonly openGpu?: () => Promise<Gpu>;
  readonly clock?: Clock;
}

export class Runner {
  readonly #send: (message: RunnerMessage) => void;
  readonly #openGpu: () => Promise<Gpu>;
  readonly #clock: Clock;
  readonly #dataDir: string;
  readonly #importRoots: readonly string[];
  readonly #datasets: DatasetShelf;
  readonly #settings: TuningSettings;
  #gpu: Promise<Gpu> | undefined;
  /** Of the device that was opened last. */
  #tuning: DeviceTuning | undefined;
  #run: { readonly id: string; readonly cancel: AbortController } | undefined;

  constructor({ dataDir, importRoots = [], send, tuning = { mode: "off", cacheDir: "" }, openGpu = () => Gpu.open(), clock = systemClock }: RunnerOptions) {
    this.#send = send;
    this.#settings = tuning;
    this.#openGpu = openGpu;
    this.#clock = clock;
    this.#dataDir = dataDir;
    this.#importRoots = importRoots;
    this.#datasets = new DatasetShelf({ dataDir });
  }

  /** Takes one message of the agent. Resolves when it has been answered in full; never rejects. */
  async handle(message: unknown): Promise<void> {
    const parsed = agentMessageSchema.safeParse(message);
    if (!parsed.success) return this.#refuse(message, parsed.error.issues);
    switch (parsed.data.type) {
      case "describe": return this.#describe(parsed.data);
      case "start": return this.#start(parsed.data);
      case "cancel": return this.#cancel(parsed.data.runId);
      default: return assertNever(parsed.data);
    }
  }

  async close(): Promise<void> {
    this.#run?.cancel.abort();
    await this.#closeGpu();
  }

  /** A run that cannot be read is answered, so that nobody waits for it; the rest is only logged. */
  #refuse(message: unknown, issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): void {
    logger("runner").error({ issues }, "runner: expected a message of the protocol");
    const { type, runId } = (message ?? {}) as { type?: unknown; runId?: unknown };
    if (type !== "start" || typeof runId !== "string" || !isId(runId)) return;
    const [first] = issues;
    this.#send({ type: "failed", runId, code: "INVARIANT", message: `runner: expected a run of this version's contract, got ${first?.path.join(".")}: ${first?.message}`, details: {} });
  }

  async #describe({ measure }: Extract<AgentMessage, { type: "describe" }>): Promise<void> {
    try {
      const gpu = await this.#device();
      // A run in progress would be measured too, and slowed down.
      this.#send({ type: "environment", environment: environmentOf(gpu, measure && !this.#run ? await measureGflops(gpu, this.#clock) : null) });
    } catch (error) {
      const { code, message } = failureOf(error);
      logger("runner").error({ err: error }, "no device");
      this.#send({ type: "no-device", code, message: message.slice(0, 10_000) });
      await this.#closeGpu();
    }
    this.#send({ type: "datasets", datasets: describeDatasets({ dataDir: this.#dataDir }) });
  }

  async #start(start: Start): Promise<void> {
    const { runId } = start;
    if (this.#run) return this.#send({ type: "failed", runId, code: "INVARIANT", message: `runner: expected one run at a time, ${this.#run.id} is in progress`, details: {} });
    const cancel = new AbortController();
    this.#run = { id: runId, cancel };
    const outcome = await this.#attempt(start, cancel.signal);
    this.#run = undefined;
    this.#send(storable(outcome));
  }

  #cancel(runId: string): void {
    if (this.#run?.id === runId) this.#run.cancel.abort();
  }

  /** Does the run and frees what it used. @returns the message that ends it. */
  async #attempt(start: Start, signal: AbortSignal): Promise<RunnerMessage> {
    const { runId } = start;
    let gpu: Gpu | undefined;
    let session: Session | undefined;
    try {
      gpu = await this.#device();
      this.#tuning!.choices.take(); // those of a measurement are not this run's
      const onProgress = throttled(this.#clock, (progress) => this.#send({ type: "progress", runId, ...progress }));
      session = new Session(gpu, { signal, clock: this.#clock, onProgress, tuner: this.#tuning! });
      const products = await runTask(await this.#context(start, session), start.config);
      session.check();
      return { type: "finished", runId, ...products };
    } catch (error) {
      const failure = failureOf(gpu?.fault ?? error); // what came of a fault says less than the fault
      if (failure.endsDevice || gpu?.fault) await this.#closeGpu();
      return signal.aborted ? { type: "cancelled", runId } : this.#failed(runId, failure, error);
    } finally {
      if (session) this.#sendKernelVariants(runId);
      session?.dispose();
    }
  }

  /** Just before the message that ends the run, however it ends: there may be numbers. */
  #sendKernelVariants(runId: string): void {
    const kernelVariants = this.#tuning!.choices.take();
    if (Object.keys(kernelVariants).length > 0) this.#send({ type: "kernel-variants", runId, kernelVariants });
  }

  #failed(runId: string, { code, message, details }: Failure, error: unknown): RunnerMessage {
    logger("runner").error({ runId, code, err: error }, "run failed");
    return { type: "failed", runId, code, message, details };
  }

  async #context({ runId, seed, models, datasets, blobDir, resume }: Start, session: Session): Promise<TaskContext> {
    const locate = (file: FileRef): Promise<string> => this.#locate(file, blobDir);
    const weightsOf = async ({ weights }: ModelRef): Promise<TensorFile> => readSafetensors(await readBlob(blobDir, weights.sha256));
    return {
      session, models,
      seed: parseSeed(seed),
      resume: resume && { epoch: resume.epoch, bytes: await readBlob(blobDir, resume.blob.sha256) },
      locate, weightsOf,
      architectureOf: (model) => architectureOf(model, blobDir),
      dataset: (name) => this.#datasets.get(name, datasets, { locate, signal: session.signal }),
      loadModel: async (model) => {
        const { inputShape, classCount, normalisation } = model;
        const network = session.loadNetwork(await architectureOf(model, blobDir), { inputShape, classCount, ...normalisation }, (await weightsOf(model)).tensors);
        await session.tune(network, { training: false });
        return network;
      },
      writeBlob: (bytes, contentType) => writeBlob(blobDir, bytes, contentType),
      metrics: (points) => this.#send({ type: "metrics", runId, points: [...points] }),
      results: (results) => this.#send({ type: "results", runId, results }),
      note: (message) => this.#send({ type: "note", runId, message: storable(message.slice(0, 2000)) }),
      checkpoint: (epoch, blob) => this.#send({ type: "checkpoint", runId, epoch, blob }),
    };
  }

  async #locate(file: FileRef, blobDir: string): Promise<string> {
    if ("path" in file) return resolveImportPath(file.path, this.#importRoots, "file");
    await (await openBlob(blobDir, file.sha256)).file.close(); // NOT_FOUND says so better than whoever reads it
    return blobPath(blobDir, file.sha256);
  }

  /** The open device, or a new one when there is none or it was lost while nothing ran. */
  async #device(): Promise<Gpu> {
    const open = await this.#gpu?.catch(() => undefined);
    if (open?.fault) await this.#closeGpu();
    this.#gpu ??= this.#open();
    this.#gpu.catch(() => { this.#gpu = undefined; }); // the next one may succeed: a driver can be installed meanwhile
    return this.#gpu;
  }

  async #open(): Promise<Gpu> {
    const gpu = await this.#openGpu();
    this.#tuning = new DeviceTuning(gpu, this.#settings);
    return gpu;
  }

  /** The next run opens another. */
  async #closeGpu(): Promise<void> {
    const gpu = this.#gpu;
    this.#gpu = undefined;
    (await gpu?.catch(() => undefined))?.close();
  }
}

/** By its name, or from the ONNX file that defines it. */
async function architectureOf({ name, architecture, definition, inputShape, normalisation }: ModelRef, blobDir: string): Promise<Architecture> {
  if (definition) return importOnnx(await readBlob(blobDir, definition.sha256), { inputShape, normalisation, title: name }).architecture;
  if (architecture === null) throw new AppError("INVARIANT", `model ${name}: expected an architecture or a definition, got neither`);
  return architectureNamed(architecture);
}

function parseSeed(text: string): bigint {
  const seed = BigInt(text);
  if (seed >= 1n << 64n) throw new AppError("INVALID_INPUT", `seed: expected less than 2^64, got ${text}`, { field: "seed" });
  return seed;
}
