import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { z } from "zod";

import type { ImportedModel, Prediction } from "../../schema/jobs/results.ts";
import { type RunConfig, runConfigSchema } from "../../schema/jobs/run-config.ts";
import type { AgentMessage, DatasetRef, ModelRef } from "../../schema/jobs/runner-message.ts";
import { blobFolder } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { type Received, RunnerClient } from "./runner-client.ts";
import { sharedPath } from "./shared.ts";

export const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));
type Config = z.input<typeof runConfigSchema>;
type Finished = Extract<Received, { type: "finished" }>;

/** A real runner, and what an agent would know of what it made. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), "lorenz-brought-"));
  readonly blobDir = blobFolder(join(this.folder, "data"));
  readonly runner = new RunnerClient(join(this.folder, "data"), { LORENZ_IMPORT_ROOTS: [this.folder, fixtures, sharedPath("")].join(delimiter) });
  readonly #datasets: DatasetRef[] = [];

  close(): void {
    this.runner.kill();
    rmSync(this.folder, { recursive: true });
  }

  start(input: Config, models: readonly ModelRef[] = []): Extract<AgentMessage, { type: "start" }> {
    return { type: "start", runId: newId(), attempt: 1, seed: "1", models: [...models], datasets: this.#datasets, blobDir: this.blobDir, config: runConfigSchema.parse(input) };
  }

  /** The messages of a run, whichever way it ends. */
  run(input: Config, models: readonly ModelRef[] = []): Promise<Received[]> { return this.runner.run(this.start(input, models)); }

  async finish(input: Config, models: readonly ModelRef[] = []): Promise<{ messages: Received[]; finished: Finished }> {
    const messages = await this.run(input, models);
    const last = messages.at(-1)!;
    assert.equal(last.type, "finished", JSON.stringify(last));
    return { messages, finished: last as Finished };
  }

  async fail(input: Config, models: readonly ModelRef[] = []): Promise<Extract<Received, { type: "failed" }>> {
    const last = (await this.run(input, models)).at(-1)!;
    assert.equal(last.type, "failed", JSON.stringify(last));
    return last as Extract<Received, { type: "failed" }>;
  }

  /** Imports a network. @returns what was found, the messages, and what later runs are told of it. */
  async import(input: Omit<Extract<Config, { kind: "import-model" }>, "kind" | "name">): Promise<{ found: ImportedModel; model: ModelRef; messages: Received[] }> {
    const config = { kind: "import-model" as const, name: "brought", ...input };
    const { messages, finished } = await this.finish(config);
    const found = finished.importedModel!;
    const { definition, weights, normalisation, inputShape, classCount } = found;
    const model: ModelRef = { id: newId(), name: config.name, architecture: config.from.kind === "onnx" ? null : config.from.architecture, definition, weights, normalisation, inputShape, classCount };
    return { found, model, messages };
  }

  async register(name: string, from: Extract<Config, { kind: "register-dataset" }>["from"]): Promise<DatasetRef> {
    const { finished } = await this.finish({ kind: "register-dataset", name, from });
    const config = runConfigSchema.parse({ kind: "register-dataset", name, from }) as Extract<RunConfig, { kind: "register-dataset" }>;
    const ref: DatasetRef = { name, title: name, licence: "", source: "", from: config.from, report: finished.dataset! };
    this.#datasets.push(ref);
    return ref;
  }

  async predict(model: ModelRef, images: Extract<Config, { kind: "predict" }>["images"], topK = 5): Promise<Prediction[]> {
    const { messages } = await this.finish({ kind: "predict", model: model.id, images, topK }, [model]);
    return messages.flatMap((message) => (message.type === "results" ? message.results.predictions : []));
  }
}
