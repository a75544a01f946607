import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";

import { type Product, startProduct } from "../support/product.ts";

// Always embedded: with PostgreSQL nothing of the database dies with the server; test/agent covers what an agent leaves there.
it("kill -9 of the server during training, then npm start: the run goes on from its checkpoint and says so", { timeout: 300_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "lorenz-killed-"));
  let product: Product | undefined;
  try {
    product = await startProduct(dataDir);
    const { client } = product;
    for (let known = false; !known;) {
      const { datasets } = await client.request<{ datasets: { name: string; available: boolean }[] }>("{ datasets { name available } }");
      known = datasets.some((d) => d.name === "mnist-digits" && d.available);
    }
    const input = { name: "survivor", dataset: "mnist-digits", architecture: "TINY_CNN", seed: "3", trainCount: 1024, epochs: 6, batchSize: 32, evaluation: { count: 64 }, probe: { count: 4, attribution: { steps: 2 } } };
    const { trainModel } = await client.request<{ trainModel: { id: string } }>("mutation ($input: TrainModelInput!) { trainModel(input: $input) { id } }", { input });
    const queued = await client.request<{ trainModel: { id: string } }>("mutation ($input: TrainModelInput!) { trainModel(input: $input) { id } }", { input: { ...input, name: "waiting", epochs: 1 } });
    const { id } = trainModel;
    const killed = product;
    let ending: Promise<unknown> | undefined;
    await killed.client.follow(id, ({ type }) => {
      if (type === "CHECKPOINT") ending ??= killed.end("SIGKILL");
    }).catch(() => undefined); // the socket breaks with the server
    await ending;

    product = await startProduct(dataDir);
    await product.client.follow(id, () => undefined);
    await product.client.follow(queued.trainModel.id, () => undefined);
    const ask = (run: string) => product!.client.request<{ run: { status: string; attempt: number; product: { id: string } | null; events: { seq: number; type: string; payload: Record<string, unknown> }[]; metrics: { steps: number[] }[] } }>(
      "query ($id: ID!) { run(id: $id) { status attempt product { id } events(first: 200) { seq type payload } metrics(series: [\"clean-accuracy\"]) { steps } } }", { id: run });
    const { run } = await ask(id);
    assert.equal(run.status, "SUCCEEDED");
    assert.equal(run.attempt, 2);
    const resumed = run.events.filter((e) => e.type === "ATTEMPT_STARTED").at(-1)!;
    assert.ok(Number(resumed.payload["resumedFrom"]) >= 1, `resumed from a checkpoint: ${JSON.stringify(resumed)}`);
    assert.deepEqual(run.events.map((e) => e.seq), run.events.map((_, i) => i + 1));
    assert.deepEqual(run.metrics[0]!.steps, [1, 2, 3, 4, 5, 6], "every epoch once");
    assert.ok(run.product);
    assert.equal((await ask(queued.trainModel.id)).run.status, "SUCCEEDED");
    assert.equal(await product.end("SIGTERM"), 0);
  } finally {
    await product?.end("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  }
});

it("refuses a data directory that another process uses", { timeout: 120_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "lorenz-locked-"));
  const first = await startProduct(dataDir);
  try {
    await assert.rejects(startProduct(dataDir), /DATA_DIR_LOCKED/);
  } finally {
    assert.equal(await first.end("SIGTERM"), 0);
    rmSync(dataDir, { recursive: true, force: true });
  }
});
