import { describe, it } from "node:test";

import { assertDerivatives } from "../support/network-checks.ts";
import { smallNetworks } from "../support/networks.ts";

describe("gradients of whole networks are the derivatives of the f64 forward pass", () => {
  for (const network of smallNetworks) for (const mode of network.modes) it(`${network.title}, ${mode}`, () => { assertDerivatives(network, mode); });
});
