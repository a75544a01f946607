/**
 * A fresh process's way to its first result: opens the adapter, makes the small CNN and does one training step. Says
 * "done" when the step's losses are here; first-result.ts has the clock.
 */
import { loadConfig } from "../../services/common/config.ts";
import { Rng } from "../../services/common/rng.ts";
import { Gpu } from "../../services/engine/gpu/device.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { Session } from "../../services/lab/session.ts";
import { DeviceTuning } from "../../services/runner/tuning.ts";
import { DIGITS } from "./networks.ts";
import { randomImages, randomNetwork, trainingWork } from "./work.ts";

const gpu = await Gpu.open();
const { tuning: mode, cacheDir } = loadConfig();
const session = new Session(gpu, { tuner: new DeviceTuning(gpu, { mode, cacheDir }) });
const network = await randomNetwork(session, architectureNamed("small-cnn"), DIGITS, 1n);
const step = await trainingWork(session, network, randomImages(new Rng(1n, 0), 64, DIGITS), {
  architecture: "small-cnn", optimiser: { kind: "sgd", learningRate: 0.01, momentum: 0.9, weightDecay: 0 }, innerSteps: 0,
});
await step.unit(0);
await gpu.idle();
console.log("done");
session.dispose();
gpu.close();
