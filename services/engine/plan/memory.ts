import { EngineError } from "../errors.ts";
import { elements, OFFSET_ALIGNMENT, roundUp, type Tensor, type TensorTexture } from "../gpu/tensor.ts";

/** A range of device memory that units read and write. Has its tensor from the start when someone else owns it; `place` finds room for the rest. */
export class Block {
  constructor(readonly label: string, readonly shape: readonly number[], public tensor?: Tensor) {}
  get elements(): number { return elements(this.shape); }
  /** What it takes of an arena. */
  get bytes(): number { return roundUp(Math.max(4, this.elements * 4), OFFSET_ALIGNMENT); }
}

/** The texture of a block: another place where its elements lie. */
export class BlockTexture {
  constructor(readonly block: Block, public texture?: TensorTexture) {}
}

/** What must hold while one unit runs: everything it touches is live, and nothing it writes shares a buffer with what it reads. */
export interface Access {
  readonly reads: readonly Block[];
  readonly writes: readonly Block[];
  /** Written and then read by the unit's own dispatches. */
  readonly scratch: readonly Block[];
  /** Textures that it reads, or the one it brings up to date. */
  readonly textures?: readonly BlockTexture[];
}

export interface Placement {
  readonly block: Block;
  readonly arena: number;
  readonly offset: number;
  /** Indices of the first and last unit that touch it; the last is the count of units when it must survive. */
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  readonly placements: readonly Placement[];
  /** Bytes of each arena. */
  readonly arenas: readonly number[];
}

interface Claim { readonly block: Block; readonly first: number; last: number; readonly apart: Set<Block> }

/**
 * Lays the blocks that have no tensor into arenas, one GPU buffer each: ranges whose lifetimes do not meet share memory.
 * WebGPU forbids one dispatch to read a buffer and write it, whatever the ranges, so what a unit writes goes into other
 * arenas than what it reads. Blocks are placed in order of first use, each where its arena grows least.
 *
 * @param survive blocks that outlive the last unit.
 * @throws EngineError OUT_OF_MEMORY when one block alone exceeds `arenaLimit` bytes.
 */
export function place(units: readonly Access[], survive: ReadonlySet<Block>, arenaLimit: number): MemoryPlan {
  const placed: Placement[] = [];
  const arenas: number[] = [];
  for (const { block, first, last, apart } of claims(units, survive)) {
    if (block.bytes > arenaLimit) throw new EngineError("OUT_OF_MEMORY", `plan: expected ${block.label} [${block.shape.join(", ")}] to fit the ${arenaLimit} bytes of one buffer, it needs ${block.bytes}; use a smaller batch`, { bytes: block.bytes, limit: arenaLimit });
    const forbidden = new Set(placed.filter((p) => apart.has(p.block)).map((p) => p.arena));
    let best = { arena: arenas.length, offset: 0, growth: block.bytes };
    for (let arena = arenas.length - 1; arena >= 0; arena--) { // the lowest of equals wins
      if (forbidden.has(arena)) continue;
      const offset = gap(placed.filter((p) => p.arena === arena && p.first <= last && first <= p.last), block.bytes);
      const growth = Math.max(0, offset + block.bytes - arenas[arena]!);
      if (growth <= best.growth && offset + block.bytes <= arenaLimit) best = { arena, offset, growth };
    }
    placed.push({ block, arena: best.arena, offset: best.offset, first, last });
    arenas[best.arena] = Math.max(arenas[best.arena] ?? 0, best.offset + block.bytes);
  }
  return { placements: placed, arenas };
}

/** One GPU texture, used by one block's elements after the other's. */
export interface TextureSlot { readonly bytes: number; readonly holds: readonly BlockTexture[] }

/**
 * Lays textures into slots: those whose lifetimes do not meet share one, the largest first so that a slot never grows.
 *
 * @param survive those that outlive the last unit.
 */
export function placeTextures(units: readonly Access[], survive: ReadonlySet<BlockTexture>): TextureSlot[] {
  const lives = new Map<BlockTexture, { first: number; last: number }>();
  units.forEach(({ textures = [] }, i) => {
    for (const texture of textures) lives.set(texture, { first: lives.get(texture)?.first ?? i, last: survive.has(texture) ? units.length : i });
  });
  const slots: { bytes: number; holds: BlockTexture[] }[] = [];
  for (const [texture, { first, last }] of [...lives].sort(([a], [b]) => b.block.bytes - a.block.bytes)) {
    const free = slots.find(({ holds }) => holds.every((other) => lives.get(other)!.last < first || last < lives.get(other)!.first));
    if (free) free.holds.push(texture);
    else slots.push({ bytes: texture.block.bytes, holds: [texture] });
  }
  return slots;
}

/** Lifetimes and separations of the blocks that need room, in order of first use. */
function claims(units: readonly Access[], survive: ReadonlySet<Block>): Iterable<Claim> {
  const found = new Map<Block, Claim>();
  units.forEach(({ reads, writes, scratch }, i) => {
    for (const block of [...reads, ...writes, ...scratch]) {
      if (block.tensor) continue;
      const claim = found.get(block) ?? { block, first: i, last: i, apart: new Set<Block>() };
      claim.last = survive.has(block) ? units.length : i;
      found.set(block, claim);
    }
    separate(found, writes, reads);
    separate(found, scratch, [...reads, ...writes, ...scratch]);
  });
  return found.values();
}

function separate(found: Map<Block, Claim>, some: readonly Block[], others: readonly Block[]): void {
  for (const a of some) for (const b of others) {
    if (a === b) continue;
    found.get(a)?.apart.add(b);
    found.get(b)?.apart.add(a);
  }
}

/** Offset of the smallest hole between `live` placements that holds `bytes`, or the end of the last one. */
function gap(live: readonly Placement[], bytes: number): number {
  let end = 0;
  let best: { offset: number; size: number } | undefined;
  for (const { offset, block } of [...live].sort((a, b) => a.offset - b.offset)) {
    const size = offset - end;
    if (size >= bytes && size < (best?.size ?? Infinity)) best = { offset: end, size };
    end = Math.max(end, offset + block.bytes);
  }
  return best?.offset ?? end;
}
