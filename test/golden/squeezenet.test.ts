import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { unpackFeatures } from "../../services/engine/graph/layout.ts";
import { Program } from "../../services/engine/gpu/program.ts";
import { architectures } from "../../services/lab/models/architectures.ts";
import { compileForward } from "../../services/lab/models/compiled.ts";
import { loadWeights, makeNetwork, type Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32 } from "../support/gpu.ts";
import { asIs } from "../support/lab.ts";
import { type Npy, readNpy } from "../support/npy.ts";
import { sharedFile, sharedPath } from "../support/shared.ts";

const FOLDER = "models/squeezenet1.1";
const skip = existsSync(sharedPath(FOLDER)) ? false : `needs the shared models: set LORENZ_SHARED (no ${sharedPath(FOLDER)})`;

describe("SqueezeNet 1.1 by name, the published weights", { skip }, () => {
  let session: Session;
  let network: Network;
  before(async () => {
    session = new Session(await testGpu());
    network = makeNetwork(session.scope, architectures["squeezenet1-1"], asIs([3, 224, 224], 1000)); // the stored inputs are normalised already
    loadWeights(network, sharedFile(`${FOLDER}/squeezenet1.1.safetensors`));
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  for (const set of [0, 1, 2]) {
    it(`gives the stored outputs of data set ${set}`, async () => {
      const stored = (name: string): Npy => readNpy(sharedPath(`${FOLDER}/test_data_set_${set}/${name}_0.npy`));
      const image = uploadF32(session.scope, "image", stored("input").data, [1, 3 * 224 * 224]);
      const { prologue, body, logits } = compileForward(session, network, image);
      const program = await Program.prepare(session.gpu, "test", [...prologue, ...body]);
      program.run();
      // the models' README: PyTorch is within 1.3e-4 of outputs of up to 296
      assertClose(unpackFeatures(await session.gpu.readF32(logits), 1, 1000), stored("output").data, { atol: 5e-4, rtol: 1e-5 });
      program.dispose();
    });
  }
});
