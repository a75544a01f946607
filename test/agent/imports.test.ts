import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eq, sql } from "drizzle-orm";

import { type RunConfig, runConfigSchema } from "../../schema/jobs/run-config.ts";
import { blobs, datasets, datasetFiles, models, runFiles, runModels } from "../../schema/tables/tables.ts";
import { Agent } from "../../services/agent/agent.ts";
import { blobPath, writeBlob } from "../../services/common/blob-files.ts";
import { newId } from "../../services/common/ids.ts";
import { findBlob, registerUpload, sweepUploads, UPLOAD_KEPT_HOURS } from "../../services/store/blobs.store.ts";
import { claimRun, finishRun } from "../../services/store/claims.store.ts";
import { saveDatasets } from "../../services/store/datasets.store.ts";
import { deleteModel, getModel } from "../../services/store/models.store.ts";
import { getRun, requestCancel } from "../../services/store/runs.store.ts";
import { type Api, DIGITS, openApi } from "../support/api.ts";
import { ended, eventsUntil, makeRun } from "../support/runs.ts";
import { type Scenario, seedOf } from "../support/scenarios.ts";

let api: Api;
let upload: string;
before(async () => {
  api = await openApi();
  upload = await bring("an uploaded file");
});
after(() => api.close());

async function bring(content: string): Promise<string> {
  const blob = await writeBlob(api.blobDir, Buffer.from(content), "application/octet-stream");
  await registerUpload(api.database.db, blob);
  return blob.sha256;
}

async function withAgent(body: () => Promise<void>): Promise<void> {
  const agent = new Agent({ database: api.database, blobDir: api.blobDir, runnerPath: fileURLToPath(new URL("../support/fake-runner.ts", import.meta.url)), flushMs: 5 });
  await agent.start();
  try {
    await body();
  } finally {
    await agent.stop();
  }
}

type Input = { readonly kind: RunConfig["kind"] } & Readonly<Record<string, unknown>>;
const importOf = (name: string, more: object = {}): Input => ({ kind: "import-model", name, from: { kind: "onnx", file: { sha256: upload } }, normalisation: { mean: [0.5], std: [0.25] }, ...more });
const registrationOf = (name: string, sha256 = upload): Input => ({ kind: "register-dataset", name, title: name, from: { kind: "npz", file: { sha256 } } });
const begin = (config: Input, scenario: Scenario = "succeed") => makeRun(api.database, runConfigSchema.parse(config), seedOf(scenario));
async function done(config: Input, scenario: Scenario = "succeed"): Promise<string> {
  const { id } = await begin(config, scenario);
  await ended(api.database, id);
  return id;
}
const db = () => api.database.db;
const storedFiles = () => readdirSync(api.blobDir, { recursive: true, encoding: "utf8" }).filter((name) => /^..\/.{62}$/.test(name)).sort();
const rows = async () => ({ models: await db().$count(models), datasets: await db().$count(datasets), blobs: await db().$count(blobs), products: await db().$count(runModels), files: storedFiles() });
const expire = (sha256: string) => db().update(blobs).set({ uploadedAt: sql`now() - make_interval(hours => ${UPLOAD_KEPT_HOURS + 1})` }).where(eq(blobs.sha256, sha256));

describe("an import", () => {
  it("leaves a model with everything that was found, which the API tells", async () => {
    await withAgent(async () => {
      const id = await done(importOf("net", { classNames: ["no", "yes"], classCount: 2, inputShape: [1, 2, 2], source: "a paper", licence: "MIT", golden: { dataset: "mnist-digits", cleanAccuracy: 0.9 } }));
      const { run } = await api.ask(`query($id: ID!) { run(id: $id) { status kind dataset { name } product {
        name architecture format sha256 classNames classCount inputShape parameterCount flops operators { operator count } warnings { code message } source licence dataset { name }
        golden { dataset split expected tolerance passed measured { count n rate low high } } importRun { id } trainingRun { id } adversary { epsilon } weights { bytes } } } }`, { id });
      assert.deepEqual(run, {
        status: "SUCCEEDED", kind: "IMPORT_MODEL", dataset: { name: "mnist-digits" }, product: {
          name: "net", architecture: null, format: "ONNX", sha256: "f".repeat(64), classNames: ["no", "yes"], classCount: 2, inputShape: [1, 2, 2], parameterCount: 3, flops: 6,
          operators: [{ operator: "Conv", count: 2 }], warnings: [{ code: "SOFTMAX_HEAD", message: "it ends in a softmax" }], source: "a paper", licence: "MIT", dataset: null,
          golden: { dataset: "mnist-digits", split: "TEST", expected: 0.9, tolerance: 0.001, passed: false, measured: { count: 1, n: 2, rate: 0.5, low: 0.1, high: 0.9 } },
          importRun: { id }, trainingRun: null, adversary: null, weights: { bytes: "tensors of net".length },
        },
      });
      assert.deepEqual(await db().select().from(runFiles).where(eq(runFiles.runId, id)), [], "the upload is free again");
    });
  });

  it("of a named architecture says which, and has no definition", async () => {
    await withAgent(async () => {
      const id = await done({ kind: "import-model", name: "named", from: { kind: "state-dict", file: { sha256: upload }, architecture: "tiny-cnn" }, dataset: "mnist-digits", inputShape: [1, 28, 28], classCount: 10 });
      const [model] = await db().select().from(models).where(eq(models.importRunId, id));
      assert.deepEqual([model!.architecture, model!.format, model!.definitionSha256, model!.dataset, model!.classNames], ["tiny-cnn", "pytorch", null, "mnist-digits", null]);
    });
  });

  it("that fails leaves no row and no file, and the upload stays to be tried again", async () => {
    await withAgent(async () => {
      const before = await rows();
      const id = await done(importOf("bad"), "fail");
      assert.equal((await getRun(db(), id)).status, "failed");
      assert.deepEqual(await rows(), before);
      assert.ok(existsSync(blobPath(api.blobDir, upload)));
      assert.deepEqual(await db().select().from(runFiles).where(eq(runFiles.runId, id)), []);
    });
  });

  for (const config of [() => importOf("cancelled"), () => registrationOf("cancelled")]) {
    it(`(${config().kind}) that is cancelled in the middle leaves no row and no file`, async () => {
      await withAgent(async () => {
        const before = await rows();
        const { id } = await begin(config(), "hang");
        await eventsUntil(api.database, id, (events) => events.some((event) => event.type === "PROGRESS"));
        await requestCancel(api.database, id);
        assert.equal((await ended(api.database, id)).at(-1)!.type, "CANCELLED");
        assert.deepEqual(await rows(), before);
      });
    });
  }

  it("whose runner dies is made again from the start, once", async () => {
    await withAgent(async () => {
      const before = await db().$count(models);
      const id = await done(importOf("twice"), "device-lost");
      assert.deepEqual([(await getRun(db(), id)).attempt, await db().$count(models)], [2, before + 1]);
    });
  });

  it("is stored whole or not at all", async () => {
    const run = await begin(importOf("half"));
    const claimed = await claimRun(api.database, run.id, { agentId: newId(), environment: null, blobDir: api.blobDir });
    assert.ok(claimed.outcome === "claimed");
    const weights = await writeBlob(api.blobDir, Buffer.from("half"), "application/octet-stream");
    const before = await rows();
    const model = { parameterCount: 1, flops: 1, normalisation: { mean: [0], std: [1] }, inputShape: [1, 2, 2] as [number, number, number], classCount: 2, operators: [], format: "onnx" as const, fileSha256: "e".repeat(64), golden: null, warnings: [] };
    const missing = { sha256: "9".repeat(64), bytes: 1, contentType: "x/y" };
    await assert.rejects(finishRun(api.database, claimed.claim, api.blobDir, { importedModel: { ...model, weights, definition: missing } }), { code: "BLOB_CORRUPT" });
    for (const products of [{}, { file: weights }, { importedModel: { ...model, weights, definition: null }, file: weights }]) {
      await assert.rejects(finishRun(api.database, claimed.claim, api.blobDir, products), { code: "INVARIANT" });
    }
    assert.deepEqual([await rows(), (await getRun(db(), run.id)).status], [before, "running"]);
    await finishRun(api.database, claimed.claim, api.blobDir, { importedModel: { ...model, weights, definition: null } });
    assert.equal((await getRun(db(), run.id)).status, "succeeded");
  });
});

describe("a registration", () => {
  it("leaves a data set that the API tells and runs are given, and keeps its files", async () => {
    await withAgent(async () => {
      const file = await bring("images");
      await done(registrationOf("own", file));
      const { dataset } = await api.ask(`{ dataset(name: "own") { origin title available trainCount testCount perClass { train test } inputShape classes contentHash normalisation { mean std } warnings { code } licence source readFrom } }`);
      assert.deepEqual(dataset, {
        origin: "REGISTERED", title: "own", available: true, trainCount: 0, testCount: 3, perClass: { train: [0, 0], test: [1, 2] }, inputShape: [1, 2, 2], classes: ["cat", "dog"], contentHash: "c".repeat(64),
        normalisation: { mean: [0.5], std: [0.25] }, warnings: [{ code: "UNSEEN_CLASS" }], licence: "not stated", source: "not stated",
        readFrom: { kind: "npz", layout: "auto", file: { sha256: file }, test: { images: "x_test", labels: "y_test" } },
      });
      assert.deepEqual((await db().select().from(datasetFiles)).map((row) => [row.dataset, row.sha256]), [["own", file]]);
      await expire(file);
      await sweepUploads(db(), api.blobDir);
      assert.ok(await findBlob(db(), file), "what a data set is read from is never swept");
      const golden = await done(importOf("with golden", { golden: { dataset: "own", cleanAccuracy: 1 } }));
      const [model] = await db().select().from(models).where(eq(models.importRunId, golden));
      assert.equal(model!.golden!.contentHash, "c".repeat(64), "the runner got the data set's report");
    });
  });

  it("whose name was taken meanwhile fails with CONFLICT and changes nothing", async () => {
    const [first, second] = [await begin(registrationOf("wanted")), await begin(registrationOf("wanted"))];
    await withAgent(async () => {
      for (const { id } of [first, second]) await ended(api.database, id);
    });
    const [one, two] = [await getRun(db(), first.id), await getRun(db(), second.id)];
    assert.deepEqual([one, two].map(({ status }) => status).sort(), ["failed", "succeeded"]);
    const [failed, won] = one.status === "failed" ? [one, two] : [two, one];
    assert.deepEqual([failed.errorCode, (await db().select().from(datasets).where(eq(datasets.name, "wanted")))[0]!.runId], ["CONFLICT", won.id]);
  });

  it("is not replaced by what an agent reports under its name", async () => {
    await saveDatasets(db(), [{ ...DIGITS, name: "wanted", title: "other" }], true);
    assert.equal((await db().select().from(datasets).where(eq(datasets.name, "wanted")))[0]!.title, "wanted");
  });
});

describe("export and prediction", () => {
  it("an export is a file to fetch, which goes with its model", async () => {
    await withAgent(async () => {
      const imported = await done(importOf("exported"));
      const [model] = await db().select().from(models).where(eq(models.importRunId, imported));
      const id = await done({ kind: "export-model", model: model!.id, format: "safetensors" });
      const file = async () => (await api.ask("query($id: ID!) { run(id: $id) { exportedFile { url sha256 bytes } } }", { id })).run.exportedFile;
      const { url, sha256, bytes } = await file();
      const content = await (await fetch(api.url + url)).text();
      assert.deepEqual([content, bytes, url], ["exported as safetensors", content.length, `/blobs/${sha256}`]);
      await deleteModel(db(), api.blobDir, model!.id);
      assert.equal(await file(), null);
      for (const gone of [sha256, model!.weightsSha256!, model!.definitionSha256!]) assert.ok(!existsSync(blobPath(api.blobDir, gone)));
      assert.deepEqual([(await getModel(db(), model!.id)).definitionSha256, (await fetch(api.url + url)).status], [null, 404]);
    });
  });

  it("a prediction tells the most probable classes by name", async () => {
    await withAgent(async () => {
      const imported = await done(importOf("predicted", { classNames: ["no", "yes"], classCount: 2, inputShape: [1, 2, 2] }));
      const [model] = await db().select().from(models).where(eq(models.importRunId, imported));
      const id = await done({ kind: "predict", model: model!.id, images: { kind: "files", files: [{ sha256: upload }] } });
      const { run } = await api.ask("query($id: ID!) { run(id: $id) { dataset { name } predictions { image label top { class name probability } } events { type payload } } }", { id });
      assert.deepEqual([run.dataset, run.predictions], [null, [{ image: 0, label: null, top: [{ class: 1, name: "yes", probability: 0.75 }, { class: 0, name: "no", probability: 0.25 }] }]]);
      assert.equal(run.events.find((event: { type: string }) => event.type === "RESULTS").payload.predictions, 1);
    });
  });
});

describe("an upload", () => {
  it("stays while a run waits for it, however long, and goes when it has ended", async () => {
    const file = await bring("waited for");
    const run = await begin(importOf("waiting", { from: { kind: "onnx", file: { sha256: file } } }));
    await expire(file);
    await sweepUploads(db(), api.blobDir);
    assert.equal(readFileSync(blobPath(api.blobDir, file), "utf8"), "waited for");
    await requestCancel(api.database, run.id);
    await sweepUploads(db(), api.blobDir);
    assert.deepEqual([await findBlob(db(), file), existsSync(blobPath(api.blobDir, file))], [undefined, false]);
  });

  it("that has gone is refused when the run is made, and no run is there", async () => {
    const before = await api.work();
    await assert.rejects(begin(importOf("gone", { from: { kind: "onnx", file: { sha256: "8".repeat(64) } } })), { code: "NOT_FOUND" });
    assert.deepEqual(await api.work(), before);
  });
});
