import type { ArchitectureName } from "../../../schema/jobs/architecture.ts";
import type { Clock } from "../../../services/common/clock.ts";
import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { type ConvGeometry, convGeometry, linearGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import type { ConvOperation } from "../../../services/engine/kernels/conv/variants.ts";
import { packActivation, packConvWeight, unpackActivation, unpackConvWeight } from "../../../services/engine/graph/layout.ts";
import type { Tuner } from "../../../services/engine/tune/tune.ts";
import type { ModelShape } from "../../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../../services/lab/models/architectures.ts";
import { makeNetwork, type Network } from "../../../services/lab/models/network.ts";
import { Session } from "../../../services/lab/session.ts";
import { units } from "../networks.ts";
import { prepareWeights, type ProductTensors, productSteps, productTensors } from "../products.ts";
import { ProgramCase } from "../program-case.ts";
import { attributionWork, forwardWork, pgdWork, trainingWork, type Work } from "../work.ts";
import { cannot, type Engine } from "./engine.ts";
import { COLOUR, CONV, DIGITS, GEMM_SIDE, IG_POINTS, imagesOf, SETTINGS, type SharedTensor } from "./inputs.ts";

/** One case made ready here. */
interface Ready {
  batch(count: number): Promise<() => Promise<void>>;
  output(): Promise<Float32Array>;
}

/** Lorenz as one engine among the others: the kernels and recipes of the product, on the shared inputs. */
export class LorenzEngine implements Engine {
  readonly name = "lorenz";
  readonly title: string;
  readonly #session: Session;
  readonly #weights = new Map<ArchitectureName, ReadonlyMap<string, SharedTensor>>();
  readonly #ready = new Map<string, Promise<Ready>>();
  readonly #programs: ProgramCase[] = [];
  readonly #batches = new Map<string, Promise<() => Promise<void>>>();

  constructor(readonly gpu: Gpu, private readonly tensors: ReadonlyMap<string, SharedTensor>, private readonly seed: bigint, private readonly clock: Clock, tuner: Tuner) {
    this.title = `Lorenz ${gpu.adapter.family} on ${gpu.adapter.description}`;
    this.#session = new Session(gpu, { tuner });
  }

  async time(name: string, count: number): Promise<number> {
    const { batch } = await this.#made(name);
    const key = `${name} ${count}`;
    const run = this.#batches.get(key) ?? batch(count);
    this.#batches.set(key, run);
    const work = await run;
    const start = this.clock.monotonic();
    await work();
    return this.clock.monotonic() - start;
  }

  async output(name: string): Promise<Float32Array> { return (await this.#made(name)).output(); }

  end(): Promise<void> {
    for (const programs of this.#programs) programs.dispose();
    this.#session.dispose();
    return Promise.resolve();
  }

  /** The initial weights of a network, in PyTorch's shapes: every engine starts from them. */
  async weights(name: ArchitectureName, shape: ModelShape): Promise<ReadonlyMap<string, SharedTensor>> {
    const scope = this.gpu.scope("weights");
    try {
      const network = makeNetwork(scope, architectureNamed(name), shape);
      network.parameters.initialise(this.seed);
      const saved = await network.parameters.save();
      this.#weights.set(name, saved);
      return saved;
    } finally { scope.dispose(); }
  }

  #made(name: string): Promise<Ready> {
    const ready = this.#ready.get(name) ?? this.#make(name);
    this.#ready.set(name, ready);
    return ready;
  }

  #make(name: string): Promise<Ready> {
    if (name === "gemm") return this.#gemm();
    const product = /^conv-(forward|grad-input|grad-weight)$/.exec(name)?.[1];
    if (product !== undefined) return this.#convolution(product as ConvOperation);
    const [, network, use] = /^(.+)-(forward|pgd|ig|train)$/.exec(name) ?? [];
    if (network === "small-cnn") return this.#use("small-cnn", DIGITS, use!);
    if (network === "resnet18") return this.#use("cifar-resnet18", COLOUR, use!);
    throw cannot(this.name, name, `no such case: ${name}`);
  }

  async #gemm(): Promise<Ready> {
    const side = GEMM_SIDE;
    const given: Record<string, Float32Array> = { x: this.#shared("gemm/a"), w: this.#shared("gemm/b") }; // a linear layer's weight lies as [inputs, outputs] already
    return this.#product(linearGeometry(side, side, side), "forward", given, ({ y }) => this.gpu.readF32(y));
  }

  async #convolution(operation: ConvOperation): Promise<Ready> {
    const { n, c, k, side, window } = CONV;
    const g = convGeometry({ n, c, h: side, w: side }, { k, kh: window, kw: window, stride: 1, padding: 1, groups: 1 });
    const given = { x: packActivation(this.#shared("conv/x"), [n, c, side, side]), w: packConvWeight(this.#shared("conv/w"), k, c, window, window), dy: packActivation(this.#shared("conv/dy"), [n, k, side, side]) };
    return this.#product(g, operation, given, async ({ y, dx, dw }) => {
      switch (operation) {
        case "forward": return unpackActivation(await this.gpu.readF32(y), [n, k, side, side]);
        case "grad-input": return unpackActivation(await this.gpu.readF32(dx), [n, c, side, side]);
        case "grad-weight": return unpackConvWeight(await this.gpu.readF32(dw), k, c, window, window);
      }
    });
  }

  async #product(g: ConvGeometry, operation: ConvOperation, given: Readonly<Record<string, Float32Array>>, read: (tensors: ProductTensors) => Promise<Float32Array>): Promise<Ready> {
    const { scope } = this.#session;
    const operand = (label: string, shape: readonly number[]): Tensor => {
      const tensor = scope.tensor(label, shape);
      const values = given[label.split(" ").at(-1)!];
      if (values) this.gpu.write(tensor, values);
      return tensor;
    };
    const tensors = productTensors(this.gpu, scope, operation, g, operand);
    await runOnce(this.gpu, "prepare weights", prepareWeights(this.gpu, scope, g, tensors));
    const one = new ProgramCase(this.gpu, operation, productSteps(this.gpu, scope, g, tensors)[operation]);
    this.#programs.push(one);
    return {
      batch: (count) => one.batch(count),
      output: async () => {
        await (await one.batch(1))();
        return read(tensors);
      },
    };
  }

  async #use(architecture: ArchitectureName, shape: ModelShape, use: string): Promise<Ready> {
    const network = makeNetwork(this.#session.scope, architectureNamed(architecture), shape, { gradients: use === "train", slots: use === "train" ? 1 : 0 });
    network.parameters.load(this.#weights.get(architecture)!);
    await this.#session.tune(network, { training: use === "train" });
    const work = await this.#work(network, architecture, shape, use);
    const batch = (count: number): Promise<() => Promise<void>> => Promise.resolve(() => units(this.#session, count, work));
    if (use !== "train") return { batch, output: async () => { await units(this.#session, 1, work); return work.output(); } };
    return {
      batch,
      output: async () => {
        const before = await work.output();
        await units(this.#session, 1, work);
        const after = await work.output();
        return before.map((value, i) => (value - after[i]!) / SETTINGS.learningRate);
      },
    };
  }

  #work(network: Network, architecture: ArchitectureName, shape: ModelShape, use: string): Promise<Work> {
    const { epsilon, stepSize, pgdSteps: steps, learningRate, momentum } = SETTINGS;
    const images = imagesOf(this.seed, shape);
    const { inputShape: [c, h, w] } = shape;
    switch (use) {
      case "forward": return forwardWork(this.#session, network, images);
      case "pgd": return pgdWork(this.#session, network, images, { epsilon, stepSize, steps, randomStart: false });
      case "ig": return attributionWork(this.#session, network, { x: images.x.slice(0, c * h * w), labels: images.labels.slice(0, 1), ids: images.ids.slice(0, 1) }, { steps: IG_POINTS });
      default: return trainingWork(this.#session, network, images, { architecture, optimiser: { kind: "sgd", learningRate, momentum, weightDecay: 0 }, innerSteps: 0 });
    }
  }

  #shared(name: string): Float32Array { return this.tensors.get(name)!.data; }
}
