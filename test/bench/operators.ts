import { seedWords } from "../../services/common/rng.ts";
import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import { type ConvGeometry, convGeometry, linearGeometry } from "../../services/engine/kernels/conv/geometry.ts";
import type { ConvOperation } from "../../services/engine/kernels/conv/variants.ts";
import { fillUniform } from "../../services/engine/kernels/random/fill-uniform.ts";
import { memoryBoundCases } from "./memory-operators.ts";
import { OperatorCase } from "./operator-case.ts";
import { type MakeTensor, prepareWeights, productFlop, productSteps, productTensors } from "./products.ts";

/** Images per batch, in every operator. */
const N = 64;

/** Of a convolution that keeps the size but for its stride. */
interface ConvShape { readonly side: number; readonly c: number; readonly k: number; readonly window: 1 | 3; readonly stride?: 1 | 2 }

/** The small CNN's, then all different ones of ResNet-18 on 32×32 images; 64→64 at 32×32 is the one that other engines are timed at. */
const CONVOLUTIONS: readonly ConvShape[] = [
  { side: 28, c: 1, k: 32, window: 3 },
  { side: 28, c: 32, k: 64, window: 3 },
  { side: 32, c: 3, k: 64, window: 3 },
  { side: 32, c: 64, k: 64, window: 3 },
  { side: 32, c: 64, k: 128, window: 3, stride: 2 },
  { side: 32, c: 64, k: 128, window: 1, stride: 2 },
  { side: 16, c: 128, k: 128, window: 3 },
  { side: 16, c: 128, k: 256, window: 3, stride: 2 },
  { side: 16, c: 128, k: 256, window: 1, stride: 2 },
  { side: 8, c: 256, k: 256, window: 3 },
  { side: 8, c: 256, k: 512, window: 3, stride: 2 },
  { side: 8, c: 256, k: 512, window: 1, stride: 2 },
  { side: 4, c: 512, k: 512, window: 3 },
];

const PRODUCTS: readonly ConvOperation[] = ["forward", "grad-input", "grad-weight"];

/**
 * What networks spend their time in, at the sizes that they have and that other engines are timed at. Operands are random,
 * made on the device.
 *
 * @param only whether a case is wanted, by its name: for the others no memory is taken.
 */
export async function operatorCases(gpu: Gpu, scope: Scope, seed: bigint, only: (name: string) => boolean): Promise<OperatorCase[]> {
  const fills: Step[] = [];
  const operand = randomTensors(scope, seed, fills);
  const layers: [string, ConvGeometry][] = [
    ...[256, 512].map((side): [string, ConvGeometry] => [`GEMM ${side}³`, linearGeometry(side, side, side)]),
    ...CONVOLUTIONS.map((shape): [string, ConvGeometry] => [nameOf(shape), geometryOf(shape)]),
    [`linear 12544→128, n ${N}`, linearGeometry(N, 12_544, 128)],
    [`linear 512→10, n ${N}`, linearGeometry(N, 512, 10)],
  ];
  const preparations: Step[] = [];
  const cases: OperatorCase[] = [];
  for (const [layer, g] of layers) {
    const wanted = PRODUCTS.map((product) => ({ product, name: product === "forward" ? layer : `${layer}, ${product.replace("-", " ")}` }))
      .filter(({ name, product }) => only(name) && (product === "forward" || !layer.startsWith("GEMM")));
    if (wanted.length === 0) continue;
    const tensors = productTensors(gpu, scope, layer, g, operand);
    const steps = productSteps(gpu, scope, g, tensors);
    preparations.push(...prepareWeights(gpu, scope, g, tensors));
    for (const { name, product } of wanted) cases.push(new OperatorCase(gpu, name, steps[product], "GFLOP/s", productFlop(g)));
  }
  cases.push(...memoryBoundCases(gpu, scope, operand, N).filter(({ name }) => only(name)));
  await runOnce(gpu, "random operands", [...fills, ...preparations]);
  await gpu.idle();
  return cases;
}

function nameOf({ side, c, k, window, stride = 1 }: ConvShape): string {
  return `conv ${window}×${window}${stride > 1 ? `/${stride}` : ""} ${c}→${k}, ${side}×${side}, n ${N}`;
}

function geometryOf({ side, c, k, window, stride = 1 }: ConvShape): ConvGeometry {
  return convGeometry({ n: N, c, h: side, w: side }, { k, kh: window, kw: window, stride, padding: (window - 1) / 2, groups: 1 });
}

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
