import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { launchRows } from "../../services/lab/launch-rows.ts";
import type { ModelShape } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { compileForward, compileLossGradient } from "../../services/lab/models/compiled.ts";
import { Session } from "../../services/lab/session.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { randomNetwork } from "../support/lab.ts";

const SEED = 7;
const DIGITS: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.13], std: [0.31] };
const COLOURS: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };

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

  it("are no more than the session allows", async () => {
    const own = new Session(session.gpu, { maxRows: 5 });
    try {
      const network = randomNetwork(own, architectureNamed("tiny-cnn"), DIGITS, SEED);
      assert.deepEqual([await launchRows(own, network, "forward"), await launchRows(own.child(), network, "gradient")], [5, 5]);
    } finally { own.dispose(); }
  });
});
