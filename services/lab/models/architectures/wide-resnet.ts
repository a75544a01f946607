import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanOut, type Layers, network, PYTORCH, zero } from "./layers.ts";

/** (depth − 4)/6 blocks in each of three stages of 16, 32 and 64 times `widen` channels. */
export interface WideResnetOptions { readonly depth: number; readonly widen: number }

/** Zagoruyko & Komodakis 2016, for 32×32 images; names and initialisation of TRADES and RobustBench. */
export function wideResnet({ depth, widen }: WideResnetOptions): Build {
  return network({ ...PYTORCH, conv: heFanOut, denseBias: zero }, (l, image, classCount) => {
    let x = l.plainConv("conv1", image, 16, 3);
    for (const stage of [1, 2, 3]) {
      for (let i = 0; i < (depth - 4) / 6; i++) x = block(l, x, `block${stage}.layer.${i}`, 16 * widen * 2 ** (stage - 1), stage > 1 && i === 0 ? 2 : 1);
    }
    return l.pooledDense("fc", l.relu(l.norm("bn1", x)), classCount);
  });
}

/** Where the number of channels changes, the shortcut reads the activated input; elsewhere it is the input itself. */
function block(l: Layers, x: Value, name: string, k: number, stride: number): Value {
  const a = l.relu(l.norm(`${name}.bn1`, x));
  const b = l.relu(l.norm(`${name}.bn2`, l.plainConv(`${name}.conv1`, a, k, 3, { stride })));
  const shortcut = l.channels(x) === k ? x : l.plainConv(`${name}.convShortcut`, a, k, 1, { stride });
  return l.graph.add(l.plainConv(`${name}.conv2`, b, k, 3), shortcut);
}
