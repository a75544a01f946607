import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { elements, type Tensor } from "../../services/engine/gpu/tensor.ts";
import { linfStep } from "../../services/engine/kernels/attack/linf-step.ts";
import { biasGradient, biasScratchElements } from "../../services/engine/kernels/conv/column-sums.ts";
import { add } from "../../services/engine/kernels/elementwise/add.ts";
import { relu } from "../../services/engine/kernels/elementwise/relu.ts";
import { reluGrad } from "../../services/engine/kernels/elementwise/relu-grad.ts";
import { giniRows } from "../../services/engine/kernels/inequality/gini-rows.ts";
import { softmaxCrossEntropy } from "../../services/engine/kernels/loss/softmax-cross-entropy.ts";
import { softmaxCrossEntropyGrad } from "../../services/engine/kernels/loss/softmax-cross-entropy-grad.ts";
import { batchApply } from "../../services/engine/kernels/norm/batch-apply.ts";
import { batchGradApply } from "../../services/engine/kernels/norm/batch-grad-apply.ts";
import { batchGradSums, scratchElements as gradSumsScratch } from "../../services/engine/kernels/norm/batch-grad-sums.ts";
import { batchStatistics, scratchElements as statisticsScratch } from "../../services/engine/kernels/norm/batch-statistics.ts";
import { sgd } from "../../services/engine/kernels/optim/sgd.ts";
import { averagePool } from "../../services/engine/kernels/pool/average-pool.ts";
import { averagePoolGrad } from "../../services/engine/kernels/pool/average-pool-grad.ts";
import { poolGeometry } from "../../services/engine/kernels/pool/geometry.ts";
import { maxPool } from "../../services/engine/kernels/pool/max-pool.ts";
import { maxPoolGrad } from "../../services/engine/kernels/pool/max-pool-grad.ts";
import { rowNorm } from "../../services/engine/kernels/reduce/row-norm.ts";
import { sortRows } from "../../services/engine/kernels/reduce/sort-rows.ts";
import { OperatorCase } from "./operator-case.ts";
import type { MakeTensor } from "./products.ts";

type Memory = (name: string, steps: Step | readonly Step[], floats: number) => OperatorCase;

/** Everything that does little arithmetic per element. Bytes count each operand once, however often the kernel reads it. */
export function memoryBoundCases(gpu: Gpu, scope: Scope, operand: MakeTensor, n: number): OperatorCase[] {
  const memory: Memory = (name, steps, floats) => new OperatorCase(gpu, name, "kind" in steps ? [steps] : steps, "GB/s", 4 * floats);
  return [...activations(scope, operand, memory, n), ...pools(operand, memory, n), ...losses(scope, operand, memory), ...updates(operand, memory, n), ...rows(scope, operand, memory, n)];
}

/** ReLU, addition and batch norm on ResNet-18's largest activation. */
function activations(scope: Scope, operand: MakeTensor, memory: Memory, n: number): OperatorCase[] {
  const [c, side] = [64, 32];
  const shape = { rows: n * side * side, c, epsilon: 1e-5 };
  const plane = shape.rows * c;
  const [x, y, dy, dx] = ["x", "y", "dy", "dx"].map((label) => operand(`activation ${label}`, [plane])) as [Tensor, Tensor, Tensor, Tensor];
  const vector = (label: string): Tensor => scope.tensor(label, [c]);
  const statistics = { mean: vector("mean"), variance: vector("variance"), runningMean: vector("running mean"), runningVariance: vector("running variance") };
  const { mean, variance } = statistics;
  const [gamma, beta, sumDy, sumDyXhat] = ["gamma", "beta", "Σ dy", "Σ dy·x̂"].map(vector) as [Tensor, Tensor, Tensor, Tensor];
  const scratch = scope.tensor("norm scratch", [Math.max(statisticsScratch(shape), gradSumsScratch(shape), biasScratchElements(shape.rows, c))]);
  const at = `${c}×${side}×${side}, n ${n}`;
  return [
    memory(`ReLU, ${at}`, relu(x, y, plane), 2 * plane),
    memory(`ReLU, ${at}, grad`, reluGrad(dy, y, dx, plane), 3 * plane),
    memory(`add, ${at}`, add(x, dy, y, plane), 3 * plane),
    memory(`batch norm statistics, ${at}`, batchStatistics(x, { mean, variance, runningMean: vector("running mean"), runningVariance: vector("running variance") }, scratch, shape, 0.1), plane),
    memory(`batch norm, ${at}`, batchApply(x, mean, variance, gamma, beta, y, shape, { relu: true }), 2 * plane),
    memory(`batch norm sums, ${at}, grad`, batchGradSums(dy, x, mean, variance, sumDy, sumDyXhat, scratch, shape), 2 * plane),
    memory(`batch norm, ${at}, grad`, batchGradApply(dy, x, mean, variance, gamma, sumDy, sumDyXhat, dx, shape), 3 * plane),
    memory(`bias gradient, ${at}`, biasGradient(dy, sumDy, { rows: shape.rows, k: c }, scratch), plane),
  ];
}

function pools(operand: MakeTensor, memory: Memory, n: number): OperatorCase[] {
  const max = poolGeometry("maxPool", { n, c: 64, h: 28, w: 28, window: 2 });
  const average = poolGeometry("averagePool", { n, c: 512, h: 4, w: 4, window: 4 });
  const [large, small] = [n * 28 * 28 * 64, n * 14 * 14 * 64];
  const [x, y, dx] = [operand("pool x", [large]), operand("pool y", [small]), operand("pool dx", [large])];
  return [
    memory(`max pool 2×2, 64×28×28, n ${n}`, maxPool(x, y, max), large + small),
    memory(`max pool 2×2, 64×28×28, n ${n}, grad`, maxPoolGrad(x, y, y, dx, max), 2 * large + small),
    memory(`global average pool, 512×4×4, n ${n}`, averagePool(x, y, average), n * 512 * 17),
    memory(`global average pool, 512×4×4, n ${n}, grad`, averagePoolGrad(y, dx, average), n * 512 * 17),
  ];
}

/** At so many rows that a launch does not hide the work: a batch of 64 costs a launch and nothing else. */
function losses(scope: Scope, operand: MakeTensor, memory: Memory): OperatorCase[] {
  const shape = { n: 16_384, k: 10 };
  const stored = shape.n * 12; // classes are padded to fours
  const [logits, dlogits] = [operand("logits", [stored]), operand("dlogits", [stored])];
  const [labels, loss] = [scope.tensor("labels", [shape.n], "u32"), scope.tensor("loss", [shape.n])];
  return [
    memory(`softmax cross-entropy, ${shape.n}×10`, softmaxCrossEntropy(logits, labels, loss, shape), stored + 2 * shape.n),
    memory(`softmax cross-entropy, ${shape.n}×10, grad`, softmaxCrossEntropyGrad(logits, labels, dlogits, { ...shape, scale: 1 / shape.n }), 2 * stored + shape.n),
  ];
}

/** An optimiser's step on the small CNN's parameters, an attack's on a batch of CIFAR-10's images. */
function updates(operand: MakeTensor, memory: Memory, n: number): OperatorCase[] {
  const [parameters, m] = [1_626_496, 3 * 32 * 32];
  const [w, g, velocity] = ["w", "g", "velocity"].map((label) => operand(`sgd ${label}`, [parameters])) as [Tensor, Tensor, Tensor];
  const [x, x0, gradient] = ["x", "x0", "gradient"].map((label) => operand(`pgd ${label}`, [n * m])) as [Tensor, Tensor, Tensor];
  return [
    memory("SGD with momentum, 1.6 M", sgd(w, g, velocity, { n: elements(w.shape), learningRate: 1e-12, momentum: 0.9, weightDecay: 0, nesterov: false }), 5 * parameters),
    memory(`PGD step, 3×32×32, n ${n}`, linfStep(x, x0, gradient, { n, m, stepSize: 2 / 255, epsilon: 8 / 255, direction: 1 }), 4 * n * m),
  ];
}

/** What a Gini index takes, on maps of CIFAR-10's size. */
function rows(scope: Scope, operand: MakeTensor, memory: Memory, n: number): OperatorCase[] {
  const m = 3 * 32 * 32;
  const [map, sorted] = [operand("map", [n * m]), operand("sorted", [n * m])];
  const perRow = scope.tensor("per row", [n]);
  return [
    memory(`sort rows, ${n}×${m}`, sortRows(map, sorted, { n, m }), 2 * n * m),
    memory(`Gini of sorted rows, ${n}×${m}`, giniRows(sorted, perRow, { n, m }), n * m),
    memory(`norm of rows, ${n}×${m}`, rowNorm(map, null, perRow, { n, m }), n * m),
  ];
}
