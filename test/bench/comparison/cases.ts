import { flopsOfImage } from "../../../services/engine/plan/flops.ts";
import { forwardGraph, type ModelShape } from "../../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../../services/lab/models/architectures.ts";
import { BATCH, COLOUR, CONV, DIGITS, GEMM_SIDE, IG_POINTS, SETTINGS } from "./inputs.ts";

/** One unit of work that every engine is asked for. */
export interface ComparedCase {
  /** What the peers call it. */
  readonly name: string;
  readonly title: string;
  /** Operations of the textbook algorithm, as in networks.ts. */
  readonly flop: number;
  /** Why a peer is not asked, by the start of its name. */
  readonly excused?: Readonly<Record<string, string>>;
}

export const COMPARED: readonly ComparedCase[] = [
  { name: "gemm", title: `GEMM ${GEMM_SIDE}³`, flop: 2 * GEMM_SIDE ** 3 },
  ...(["forward", "grad-input", "grad-weight"] as const).map((product) => ({ name: `conv-${product}`, title: `conv 3×3 64→64, 32×32, n 64, ${product.replace("-", " ")}`, flop: convolutionFlop() })),
  ...network("small-cnn", "small-cnn", DIGITS, [
    ["forward", `forward, n ${BATCH}`, BATCH],
    ["pgd", `PGD-${SETTINGS.pgdSteps}, n ${BATCH}`, 2 * SETTINGS.pgdSteps * BATCH],
    ["ig", `IG-${IG_POINTS}, 1 image`, 2 * IG_POINTS],
    ["train", `training step, n ${BATCH}`, 3 * BATCH],
  ]),
  ...network("resnet18", "cifar-resnet18", COLOUR, [
    ["pgd", `PGD-${SETTINGS.pgdSteps}, n ${BATCH}`, 2 * SETTINGS.pgdSteps * BATCH],
    ["train", `training step, n ${BATCH}`, 3 * BATCH],
  ]).map((each) => ({ ...each, excused: { tfjs: "PyTorch only: at the rates of its convolutions it would need over 100 s per unit", "jax-js": "PyTorch only: its convolutions are no faster than those of tfjs" } })),
];

/** Why the peer is not asked for the case, or undefined. */
export function excuseOf({ excused = {} }: ComparedCase, peer: string): string | undefined {
  return Object.entries(excused).find(([start]) => peer.startsWith(start))?.[1];
}

function network(name: string, architecture: string, shape: ModelShape, uses: readonly (readonly [use: string, title: string, forwards: number])[]): ComparedCase[] {
  const flopOfForward = flopsOfImage(forwardGraph(architectureNamed(architecture), shape, 1).graph);
  return uses.map(([use, title, forwards]) => ({ name: `${name}-${use}`, title: `${architecture}: ${title}`, flop: forwards * flopOfForward }));
}

function convolutionFlop(): number {
  const { n, c, k, side, window } = CONV;
  return 2 * n * side * side * k * c * window * window;
}
