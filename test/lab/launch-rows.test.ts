import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { launchRows } from "../../services/lab/launch-rows.ts";
import type { Architecture, ModelShape } from "../../services/lab/models/architecture.ts";
import { network, PYTORCH } from "../../services/lab/models/architectures/layers.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { compileForward, compileLossGradient, measureForward, measureLossGradient } from "../../services/lab/models/compiled.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { randomNetwork } from "../support/lab.ts";

const SEED = 7;
const DIGITS: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.13], std: [0.31] };
const COLOURS: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };

const PIXEL_BYTES = 4 * 3 * 224 * 224;

/** What a pass of so many rows should take beside its inputs, and, when it is compiled, what it takes. */
function sizesOf(session: Session, network: Network, pass: "forward" | "gradient", rows: number, compiled: boolean): { measured: number; taken: number; largest: number } {
  const probe = session.child();
  const { gpu } = session;
  try {
    const inputs = [probe.scope.tensor("image", [rows, PIXEL_BYTES / 4]), probe.scope.tensor("labels", [rows], "u32")] as const;
    const before = gpu.allocatedBytes;
    const { bytes, largest } = pass === "forward" ? measureForward(probe, network, inputs[0]) : measureLossGradient(probe, network, ...inputs);
    const constants = gpu.allocatedBytes - before; // measuring made them, compiling makes them again
    if (compiled && pass === "forward") compileForward(probe, network, inputs[0]);
    if (compiled && pass === "gradient") compileLossGradient(probe, network, ...inputs);
    return { measured: bytes, taken: gpu.allocatedBytes - before - 2 * constants, largest: largest.bytes };
  } finally { probe.dispose(); }
}

describe("rows of a network's launches", () => {
  let session: Session;
  before(async () => { session = new Session(await testGpu()); });
  after(async () => { session.dispose(); await closeTestGpu(); });

  for (const [name, shape] of [["tiny-cnn", DIGITS], ["small-cnn", DIGITS], ["cifar-resnet20", COLOURS]] as const) {
    it(`of ${name} take no more memory than they were chosen for, and choosing leaves nothing behind`, async () => {
      const network = randomNetwork(session, architectureNamed(name), shape, SEED);
      const { gpu } = session;
      for (const pass of ["forward", "gradient"] as const) {
        const before = gpu.allocatedBytes;
        const rows = await launchRows(session, network, pass);
        assert.equal(gpu.allocatedBytes, before);
        assert.ok(rows >= 16, `${pass}: ${rows} rows`);
        const own = session.child();
        const image = own.scope.tensor("image", [rows, shape.inputShape[0] * shape.inputShape[1] * shape.inputShape[2]]);
        if (pass === "forward") compileForward(own, network, image);
        else compileLossGradient(own, network, image, own.scope.tensor("labels", [rows], "u32"));
        const taken = gpu.allocatedBytes - before;
        own.dispose();
        assert.ok(taken <= 512 * 2 ** 20, `${pass}: ${rows} rows take ${taken} bytes`);
      }
    });
  }

  for (const name of ["squeezenet1-1", "resnet18", "mobilenet-v2", "densenet121", "vit-tiny"]) {
    it(`of ${name} at 224×224 take what was measured, to the byte, and are about as many as fit`, async (t) => {
      const own = new Session(session.gpu);
      try {
        const architecture = architectureNamed(name);
        const network = makeNetwork(own.scope, architecture, architecture.published);
        for (const pass of ["forward", "gradient"] as const) {
          const started = performance.now();
          const rows = await launchRows(own, network, pass);
          t.diagnostic(`${name} ${pass}: ${rows} rows, found in ${(performance.now() - started).toFixed(0)} ms`);
          for (const n of [1, rows]) {
            const { measured, taken } = sizesOf(own, network, pass, n, true);
            assert.equal(taken, measured, `${pass} of ${n} rows`);
            assert.ok(taken + n * PIXEL_BYTES <= 512 * 2 ** 20, `${pass}: ${n} rows take ${taken} bytes`);
          }
          const more = Math.ceil(1.15 * rows) + 1; // buffers are shared better the more there is to lay out
          const { measured, largest } = sizesOf(own, network, pass, more, false);
          assert.ok(rows === 64 || measured + more * PIXEL_BYTES > 512 * 2 ** 20 || largest > own.gpu.tensorLimit, `${pass}: ${rows} rows are fewer than fit`);
        }
      } finally { own.dispose(); }
    });
  }

  it("are taken back where a tensor of weights hid that another one grows beyond the adapter's buffers", async () => {
    const { gpu } = session;
    const usual = gpu.tensorLimit;
    const heavy: Architecture = {
      title: "small images, a large folded weight",
      build: network(PYTORCH, (l, x, classCount) => {
        const wide = l.relu(l.conv("wide", x, 64, 3, { stride: 2, padding: 1 })); // [n, 64, 4, 4]: 4 KiB a row
        return l.dense("fc", l.graph.flatten(l.relu(l.norm("norm", l.conv("folded", wide, 64, 3, { stride: 4, padding: 1 })))), classCount); // weight 144 KiB
      }),
    };
    gpu.tensorLimit = 192 * 2 ** 10;
    const own = new Session(gpu);
    try {
      const made = randomNetwork(own, heavy, { inputShape: [1, 8, 8], classCount: 3, mean: [0], std: [1] }, SEED);
      const rows = await launchRows(own, made, "forward");
      assert.ok(rows >= 40 && rows <= 48, `${rows} rows`);
      compileForward(own, made, own.scope.tensor("image", [rows, 64]));
    } finally { own.dispose(); gpu.tensorLimit = usual; }
  });

  it("are no more than the session allows", async () => {
    const own = new Session(session.gpu, { maxRows: 5 });
    try {
      const network = randomNetwork(own, architectureNamed("tiny-cnn"), DIGITS, SEED);
      assert.deepEqual([await launchRows(own, network, "forward"), await launchRows(own.child(), network, "gradient")], [5, 5]);
    } finally { own.dispose(); }
  });
});
