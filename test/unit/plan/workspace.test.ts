import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Workspace } from "../../../services/engine/plan/workspace.ts";
import type { Scope } from "../../../services/engine/gpu/device.ts";
import { TEXTURE_ROW_BYTES, textureRows } from "../../../services/engine/gpu/tensor.ts";

/** Counts what it is asked for. */
function harness(): { workspace: Workspace; made: string[] } {
  const made: string[] = [];
  const scope = {
    buffer: (label: string, size: number) => { made.push(`${label}: ${size}`); return { size }; },
    texture: (label: string, bytes: number) => { made.push(`${label}: ${bytes}`); return { texture: { height: textureRows(bytes) } }; },
  };
  return { made, workspace: new Workspace(scope as unknown as Scope) };
}

describe("a workspace", () => {
  it("gives one plan buffers that are all its own, and the next plan the same ones again", () => {
    const { workspace, made } = harness();
    const first = workspace.buffers([100, 300, 200]);
    assert.deepEqual(first.map(({ size }) => size), [100, 300, 200]);
    assert.equal(new Set(first).size, 3);
    const second = workspace.buffers([200, 90]);
    assert.deepEqual(second, [first[2], first[0]], "the smallest that is large enough");
    assert.equal(made.length, 3);
  });

  it("serves the largest first, so that a small one does not take the only large buffer", () => {
    const { workspace, made } = harness();
    const [large] = workspace.buffers([500]);
    assert.deepEqual(workspace.buffers([10, 400])[1], large);
    assert.deepEqual(made, ["workspace 0: 500", "workspace 1: 10"]);
  });

  it("makes what is too small before, and keeps it", () => {
    const { workspace, made } = harness();
    workspace.buffers([100]);
    const [grown] = workspace.buffers([150]);
    assert.equal(grown!.size, 150);
    assert.deepEqual(workspace.buffers([150])[0], grown);
    assert.equal(made.length, 2);
  });

  it("does the same with textures, which hold whole rows", () => {
    const { workspace, made } = harness();
    const first = workspace.textures([10, 3 * TEXTURE_ROW_BYTES]);
    assert.deepEqual(workspace.textures([2 * TEXTURE_ROW_BYTES, TEXTURE_ROW_BYTES]), [first[1], first[0]]);
    assert.equal(made.length, 2);
  });
});
