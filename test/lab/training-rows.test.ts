import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { trainConfigSchema } from "../../schema/jobs/run-config.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { makeNetwork } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { train } from "../../services/lab/training/train.ts";
import { batchParts, trainingRows } from "../../services/lab/training/training-rows.ts";
import { compileUpdate } from "../../services/lab/training/update.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { toyDataset } from "../support/toy-dataset.ts";

/** What lavapipe binds; other adapters are held to it so that the numbers are the same. */
const LIMIT = 128 * 2 ** 20;

describe("parts of a batch", () => {
  it("are as few as can be, of two sizes at most, and every image is in one of them", () => {
    for (let batch = 1; batch <= 70; batch++) for (let most = 1; most <= 40; most++) {
      const parts = batchParts(batch, most);
      assert.equal(parts.length, Math.ceil(batch / most));
      assert.ok(parts.every(({ first, count }, i) => count >= 1 && count <= most && first === parts.slice(0, i).reduce((sum, part) => sum + part.count, 0)));
      assert.equal(parts.reduce((sum, { count }) => sum + count, 0), batch);
      assert.ok(new Set(parts.map(({ count }) => count)).size <= 2, `${batch} in parts of ${most}`);
    }
  });
});

describe("images that train at a time", () => {
  let gpu: Gpu;
  let session: Session;
  let usual: number;
  before(async () => { gpu = await testGpu(); session = new Session(gpu); usual = gpu.tensorLimit; gpu.tensorLimit = LIMIT; });
  after(async () => { gpu.tensorLimit = usual; session.dispose(); await closeTestGpu(); });

  const rowsOf = (name: string, batchSize: number, own = session): { rows: () => number; compile: (rows: number) => unknown } => {
    const architecture = architectureNamed(name);
    const network = makeNetwork(own.scope, architecture, architecture.published, { gradients: true });
    return {
      rows: () => trainingRows(own, network, { batchSize, adversary: undefined }),
      compile: (rows) => compileUpdate(own, network, own.scope.tensor("image", [rows, 3 * 224 * 224]), own.scope.tensor("labels", [rows], "u32"), rows),
    };
  };

  it("are the whole batch where it fits, and asking leaves nothing behind", () => {
    const { rows } = rowsOf("squeezenet1-1", 8);
    const before = gpu.allocatedBytes;
    assert.equal(rows(), 8);
    assert.equal(gpu.allocatedBytes, before);
  });

  it("are as many as fit the adapter's buffers and 2 GiB without batch norm", () => {
    const own = new Session(gpu);
    try {
      const { rows, compile } = rowsOf("squeezenet1-1", 64, own);
      const before = gpu.allocatedBytes;
      const most = rows();
      assert.equal(most, Math.floor(LIMIT / (111 * 111 * 64 * 4))); // the first convolution's output
      compile(most);
      const taken = gpu.allocatedBytes - before;
      assert.ok(taken <= 2 * 2 ** 30 + most * 3 * 224 * 224 * 4, `${most} images take ${taken} bytes`);
    } finally { own.dispose(); }
  });

  it("are refused with the largest batch that fits, where batch norm needs the whole one", () => {
    const { rows } = rowsOf("resnet18", 64);
    const most = Math.floor(LIMIT / (112 * 112 * 64 * 4));
    assert.throws(rows, (error: { code: string; message: string; details: object }) => {
      assert.equal(error.code, "INVALID_INPUT");
      assert.deepEqual(error.details, { field: "batchSize", most });
      assert.match(error.message, new RegExp(`^training: expected a batchSize whose tensors fit the ${LIMIT} bytes .+ got 64: .+ \\[64, 112, 112, 64\\] takes 205520896; .+ has batch norm, whose statistics need the whole batch: use at most ${most}$`));
      return true;
    });
    assert.equal(rowsOf("resnet18", most).rows(), most);
  });

  it("are one where not even that fits: the compiler names the tensor", () => {
    gpu.tensorLimit = 2 ** 20 * 3;
    try {
      const { rows, compile } = rowsOf("squeezenet1-1", 2);
      assert.equal(rows(), 1);
      assert.throws(() => compile(1), { code: "OUT_OF_MEMORY", message: /plan: expected .+ \[1, 111, 111, 64\] to fit the 3145728 bytes of one buffer, it needs 3154176; use a smaller batch/ });
    } finally { gpu.tensorLimit = LIMIT; }
  });

  it("change nothing about a training but its last bits", async () => {
    const dataset = toyDataset({ inputShape: [1, 28, 28], train: 48, test: 12 });
    const config = trainConfigSchema.parse({ kind: "train", name: "parts", dataset: "mnist", architecture: "tiny-cnn", batchSize: 16, epochs: 2, optimiser: { kind: "sgd", learningRate: 0.05 }, evaluation: { count: 12 }, probe: { count: 0 }, augmentation: { cropPadding: 0 } });
    const lossesOf = async (limit: number): Promise<number[]> => {
      const own = new Session(gpu);
      const losses: number[] = [];
      gpu.tensorLimit = limit;
      try {
        await train(own, dataset, config, 1n, { metrics: (points) => points.forEach(({ series, value }) => { if (series === "loss") losses.push(value!); }), checkpoint: () => Promise.resolve() });
      } finally { own.dispose(); gpu.tensorLimit = LIMIT; }
      return losses;
    };
    const [whole, cut] = [await lossesOf(LIMIT), await lossesOf(128 * 1024)];
    assert.equal(cut.length, 6);
    assert.notDeepEqual(cut, whole, "the batch was not cut");
    cut.forEach((loss, i) => { assert.ok(Math.abs(loss - whole[i]!) < 1e-5 * whole[i]!, `step ${i}: ${loss}, ${whole[i]} whole`); });
  });
});
