import type { Value } from "../../../services/engine/graph/graph.ts";
import { network, type NetworkOptions, type Sketch, type SmallNetwork } from "../../support/networks.ts";

/** A network that puts operators of one family between an image and a loss, for any batch size. */
export interface OperatorNetwork {
  readonly title: string;
  build(n: number): SmallNetwork;
  /** Too many numbers for a difference quotient each: only the device is compared with the interpreter. */
  readonly large: boolean;
}

export interface OperatorOptions extends NetworkOptions { readonly large?: boolean }

/** `body` gets the normalised image (or, with `normalised: false`, the image itself) and returns anything with n first. */
export function operatorNetwork(title: string, [c, h, w]: readonly [number, number, number], body: (sketch: Sketch, x: Value, n: number) => Value, { large = false, ...options }: OperatorOptions = {}): OperatorNetwork {
  return { title, large, build: (n) => network(title, [n, c, h, w], (sketch, x) => body(sketch, x, n), options) };
}
