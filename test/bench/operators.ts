import { seedWords } from "../../services/common/rng.ts";
import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import { elements, type Tensor } from "../../services/engine/gpu/tensor.ts";
import { convForward, convGradInput, convGradWeight, gradInputScratchElements, scratchElements } from "../../services/engine/kernels/conv/convolution.ts";
import { type ConvGeometry, convGeometry, inputElements, linearGeometry, outputElements, weightElements } from "../../services/engine/kernels/conv/geometry.ts";
import { relu } from "../../services/engine/kernels/elementwise/relu.ts";
import { batchStatistics, scratchElements as statisticsScratch } from "../../services/engine/kernels/norm/batch-statistics.ts";
import { poolGeometry } from "../../services/engine/kernels/pool/geometry.ts";
import { maxPool } from "../../services/engine/kernels/pool/max-pool.ts";
import { maxPoolGrad } from "../../services/engine/kernels/pool/max-pool-grad.ts";
import { fillUniform } from "../../services/engine/kernels/random/fill-uniform.ts";
import { ProgramCase } from "./program-case.ts";

/** An operator and how much it does: floating-point operations where arithmetic limits it, bytes where memory does. */
export class OperatorCase extends ProgramCase {
  constructor(gpu: Gpu, name: string, steps: readonly Step[], readonly unit: "GFLOP/s" | "GB/s", readonly work: number) { super(gpu, name, steps); }
}

/** What networks spend their time in, at the sizes that other engines are timed at. Operands are random, made on the device. */
export async function operatorCases(gpu: Gpu, scope: Scope, seed: bigint): Promise<OperatorCase[]> {
  const fills: Step[] = [];
  const tensor = randomTensors(scope, seed, fills);
  const conv = (n: number, c: number, k: number, side: number): ConvGeometry => convGeometry({ n, c, h: side, w: side }, { k, kh: 3, kw: 3, stride: 1, padding: 1, groups: 1 });
  const cases = [
    ...[256, 512].map((side) => products(gpu, tensor, `GEMM ${side}³`, linearGeometry(side, side, side))[0]!),
    ...products(gpu, tensor, "conv 3×3 64→64, 32×32, n 64", conv(64, 64, 64, 32)),
    ...products(gpu, tensor, "conv 3×3 1→32, 28×28, n 64", conv(64, 1, 32, 28)),
    ...products(gpu, tensor, "linear 12544→128, n 64", linearGeometry(64, 12_544, 128)),
    ...memoryBound(gpu, scope, tensor),
  ];
  await runOnce(gpu, "random operands", fills);
  await gpu.idle();
  return cases;
}

type MakeTensor = (label: string, shape: readonly number[]) => Tensor;

/** Tensors whose content, uniform in [−1, 1), is made by the steps pushed to `fills`. */
function randomTensors(scope: Scope, seed: bigint, fills: Step[]): MakeTensor {
  const image = scope.tensor("image", [1], "u32");
  const [seedLow, seedHigh] = seedWords(seed);
  return (label, shape) => {
    const y = scope.tensor(label, shape);
    fills.push(fillUniform(image, y, { n: 1, m: elements(shape), seedLow, seedHigh, draw: fills.length, stream: 0, low: -1, high: 1 }));
    return y;
  };
}

/** Forward, gradient of the input and gradient of the weight. */
function products(gpu: Gpu, tensor: MakeTensor, name: string, g: ConvGeometry): OperatorCase[] {
  const { family } = gpu;
  const [x, w, y] = [tensor(`${name} x`, [inputElements(g)]), tensor(`${name} w`, [weightElements(g)]), tensor(`${name} y`, [outputElements(g)])];
  const [dx, dw] = [tensor(`${name} dx`, [inputElements(g)]), tensor(`${name} dw`, [weightElements(g)])];
  const scratch = tensor(`${name} scratch`, [Math.max(1, scratchElements(family, g), gradInputScratchElements(g))]);
  const flop = 2 * g.n * g.oh * g.ow * g.k * (g.c / g.groups) * g.kh * g.kw;
  const product = (what: string, steps: readonly Step[]): OperatorCase => new OperatorCase(gpu, `${name}${what}`, steps, "GFLOP/s", flop);
  return [
    product("", convForward(family, g, { x, w, y }, { relu: false })),
    product(", grad input", convGradInput(family, g, { dy: y, wT: w, dx, scratch })),
    product(", grad weight", convGradWeight(family, g, { x, dy: y, dw, scratch })),
  ];
}

/** Bytes count each operand once, however often the kernel reads it. */
function memoryBound(gpu: Gpu, scope: Scope, tensor: MakeTensor): OperatorCase[] {
  const [n, c] = [64, 64];
  const pool = poolGeometry("maxPool", { n, c, h: 28, w: 28, window: 2 });
  const [large, small] = [n * 28 * 28 * c, n * 14 * 14 * c];
  const [x, y, dx] = [tensor("pool x", [large]), tensor("pool y", [small]), tensor("pool dx", [large])];
  const plane = n * 32 * 32 * c;
  const [a, b] = [tensor("a", [plane]), tensor("b", [plane])];
  const shape = { rows: n * 32 * 32, c };
  const [mean, variance, scratch] = [scope.tensor("mean", [c]), scope.tensor("variance", [c]), scope.tensor("scratch", [statisticsScratch(shape)])];
  const memory = (name: string, steps: readonly Step[], floats: number): OperatorCase => new OperatorCase(gpu, name, steps, "GB/s", 4 * floats);
  return [
    memory("max pool 2×2, 64×28×28, n 64", [maxPool(x, y, pool)], large + small),
    memory("max pool 2×2, 64×28×28, n 64, grad", [maxPoolGrad(x, y, y, dx, pool)], 2 * large + small),
    memory("ReLU, 64×32×32, n 64", [relu(a, b, plane)], 2 * plane),
    memory("batch statistics, 64×32×32, n 64", batchStatistics(a, mean, variance, scratch, shape), plane),
  ];
}
