import assert from "node:assert/strict";

import type { MemoryPlan } from "../../services/engine/plan/memory.ts";

/** No two blocks that are live together share a byte; each lies aligned inside its arena. */
export function assertNoOverlap({ placements, arenas }: MemoryPlan): void {
  for (const a of placements) {
    assert.ok(a.offset % 256 === 0 && a.offset + a.block.bytes <= arenas[a.arena]!, `${a.block.label}: inside its arena, aligned`);
    for (const b of placements) {
      if (a === b || a.arena !== b.arena || a.last < b.first || b.last < a.first) continue;
      assert.ok(a.offset + a.block.bytes <= b.offset || b.offset + b.block.bytes <= a.offset, `${a.block.label} and ${b.block.label} are live together and overlap`);
    }
  }
}
