import { slice } from "../../../engine/graph/axis-maps.ts";
import { mismatch } from "../../../engine/graph/check.ts";
import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, type Layers, network, normal, PYTORCH, zero } from "./layers.ts";

export interface VitOptions {
  /** Side of the square patches that the image is cut into. */
  readonly patch: number;
  /** Numbers of a token; a multiple of `heads`. */
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
}

/** timm draws from N(0, 0.02) cut at ±2, a hundred deviations away: a plain normal. */
const STD = 0.02;
const EPSILON = 1e-6;

/**
 * Dosovitskiy et al. 2021 with the names of timm (vit_*, and deit_* without distillation): a class token, learned positions, norms
 * before attention and MLP. Positions belong to one image size; weights of another size are refused as misshapen.
 */
export function vit({ patch, width, depth, heads }: VitOptions): Build {
  return network({ ...PYTORCH, dense: normal(STD), denseBias: zero }, (l, image, classCount) => {
    let x = tokens(l, image, patch, width);
    for (let i = 0; i < depth; i++) {
      x = l.graph.add(x, attention(l, `blocks.${i}.attn`, layerNorm(l, `blocks.${i}.norm1`, x), heads));
      x = l.graph.add(x, mlp(l, `blocks.${i}.mlp`, layerNorm(l, `blocks.${i}.norm2`, x)));
    }
    const [n] = l.graph.shapeOf(x);
    const classToken = layerNorm(l, "norm", slice(l.graph, x, 1, 0, 1)); // norms are of each token: the others need none
    return l.dense("head", l.graph.reshape(classToken, [n!, width]), classCount);
  });
}

/** [n, c, h, w] → [n, 1 + patches, width]. */
function tokens(l: Layers, image: Value, patch: number, width: number): Value {
  const [n, , h, w] = l.graph.shapeOf(image) as [number, number, number, number];
  if (h % patch !== 0 || w % patch !== 0) throw mismatch("vit", `sides that are multiples of ${patch}`, [h, w]);
  const classToken = l.graph.parameter("cls_token", [1, 1, width], { kind: "normal", std: 1e-6 });
  const count = (h / patch) * (w / patch);
  const positions = l.graph.parameter("pos_embed", [1, 1 + count, width], { kind: "normal", std: STD });
  const patches = l.graph.reshape(l.conv("patch_embed.proj", image, width, patch, { stride: patch }), [n, width, count]);
  return l.graph.binary("add", l.graph.concat([l.graph.expand(classToken, [n, 1, width]), l.graph.transpose(patches, [0, 2, 1])], 1), positions);
}

function attention(l: Layers, name: string, x: Value, heads: number): Value {
  const [n, t, width] = l.graph.shapeOf(x) as [number, number, number];
  const perHead = width / heads;
  const qkv = l.graph.transpose(l.graph.reshape(perToken(l, `${name}.qkv`, x, 3 * width), [n, t, 3, heads, perHead]), [0, 2, 3, 1, 4]);
  const [q, k, v] = [0, 1, 2].map((i) => l.graph.reshape(slice(l.graph, qkv, 1, i, i + 1), [n, heads, t, perHead])) as [Value, Value, Value];
  const scaled = l.graph.unary({ name: "affine", scale: perHead ** -0.5, shift: 0 }, q);
  const weights = l.graph.softmax(l.graph.matMul(scaled, l.graph.transpose(k, [0, 1, 3, 2])), 3);
  return perToken(l, `${name}.proj`, l.graph.reshape(l.graph.transpose(l.graph.matMul(weights, v), [0, 2, 1, 3]), [n, t, width]), width);
}

function mlp(l: Layers, name: string, x: Value): Value {
  const width = l.graph.shapeOf(x)[2]!;
  return perToken(l, `${name}.fc2`, l.graph.unary({ name: "gelu", approximate: "none" }, perToken(l, `${name}.fc1`, x, 4 * width)), width);
}

/** A linear layer of the last axis of [n, t, f]: of n·t rows. */
function perToken(l: Layers, name: string, x: Value, k: number): Value {
  const [n, t, f] = l.graph.shapeOf(x) as [number, number, number];
  return l.graph.reshape(l.dense(name, l.graph.reshape(x, [n * t, f]), k), [n, t, k]);
}

function layerNorm(l: Layers, name: string, x: Value): Value {
  const shape = [l.graph.shapeOf(x)[2]!];
  return l.graph.layerNorm(x, l.graph.parameter(`${name}.weight`, shape, { kind: "constant", value: 1 }), l.graph.parameter(`${name}.bias`, shape, { kind: "constant", value: 0 }), 2, EPSILON);
}
