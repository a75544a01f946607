import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../../../services/common/errors.ts";
import { findRoot } from "../../../services/common/paths.ts";
import type { AdapterInfo } from "../../../services/engine/gpu/device.ts";
import { preloadArguments } from "../script.ts";
import type { PeerCommand } from "./peer-process.ts";

const FOLDER = "test/bench/peers";
/** Where a PyTorch may be: the user's python first, then the system's. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** How to start each peer, or why it cannot be. */
export type PeerOffer = PeerCommand | { readonly name: string; readonly reason: string };

/** @throws AppError INVALID_INPUT with the command to run when the peers' packages are not installed. */
export function requirePeers(root: string = findRoot()): void {
  if (existsSync(join(root, FOLDER, "node_modules"))) return;
  throw new AppError("INVALID_INPUT", `bench: expected the peers' packages in ${FOLDER}, got none; run npm ci --prefix ${FOLDER}`);
}

/** @param inputs folder with the shared inputs. */
export function peersOffered({ kind }: Pick<AdapterInfo, "kind">, inputs: string, cores: number): PeerOffer[] {
  const folder = join(findRoot(), FOLDER);
  const script = (name: string, file: string, backend: string): PeerCommand => ({
    name, command: process.execPath, args: [...preloadArguments(import.meta.url, "throttle"), join(folder, file), inputs, backend, ...dawnName(kind)],
  });
  return [script("tfjs webgpu", "tfjs.mjs", "webgpu"), script("jax-js webgpu", "jax.mjs", "webgpu"), script("tfjs wasm", "tfjs.mjs", "wasm"), torch(join(folder, "torch-peer.py"), inputs, cores)];
}

/** The part of the adapter's name by which Dawn finds the one that Lorenz runs on; a GPU is what it takes by itself. */
function dawnName(kind: string): string[] {
  return kind === "lavapipe" ? ["llvmpipe"] : kind === "swiftshader" ? ["SwiftShader"] : [];
}

function torch(script: string, inputs: string, cores: number): PeerOffer {
  const name = "PyTorch CPU";
  const python = PYTHONS.find((command) => spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0);
  if (python === undefined) return { name, reason: `no python3 that can import torch (${PYTHONS.join(", ")}); on Debian: sudo apt-get install -y python3-torch libopenblas0-pthread` };
  return { name, command: python, args: [script, inputs], env: { OMP_NUM_THREADS: String(cores) } }; // Debian's build takes one thread unless told
}
