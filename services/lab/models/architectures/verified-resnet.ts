import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, type Layers, network, PYTORCH } from "./layers.ts";

export interface VerifiedResnetOptions {
  /** Channels of the first convolution; the blocks have twice as many. */
  readonly width: number;
  /** Each of two blocks, the first of which halves the image. */
  readonly stages: number;
}

/** The small ResNets that verifiers are compared on (VNN-COMP 2021): no batch norm, biases everywhere; names of alpha-beta-CROWN. */
export function verifiedResnet({ width, stages }: VerifiedResnetOptions): Build {
  return network(PYTORCH, (l, image, classCount) => {
    let x = l.relu(l.conv("conv1", image, width, 3, { stride: 2, padding: 1 }));
    for (let stage = 1; stage <= stages; stage++) {
      for (const i of [0, 1]) x = block(l, x, `layer${stage}.${i}`, 2 * width, i === 0 ? 2 : 1);
    }
    return l.dense("linear2", l.relu(l.dense("linear1", l.graph.flatten(x), 100)), classCount);
  });
}

function block(l: Layers, x: Value, name: string, k: number, stride: number): Value {
  const a = l.relu(l.conv(`${name}.conv1`, x, k, 3, { stride, padding: 1 }));
  const b = l.conv(`${name}.conv2`, a, k, 3, { padding: 1 });
  return l.relu(l.graph.add(b, stride === 1 ? x : l.conv(`${name}.shortcut.0`, x, k, 1, { stride })));
}
