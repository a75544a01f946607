// reduce/sort-stride — one layer of comparators between columns too far apart for one chunk
//
// in    params only; the rows are changed in place
// out   keys [n, m] u32, in place        the smaller of each compared pair moves to the lower column
//       order [n, m] u32, in place       only with PAIR: travels with the key and breaks ties
// grid  WG invocations · PER comparators each per workgroup, over n · comparators
// err   none here: the binding checks sizes
// src   Batcher 1968, as in reduce/sort-chunk
// twin  services/engine/reference/reduce/sort-stride.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // comparators per invocation

struct Params {
  n: u32,
  m: u32,
  comparators: u32,                         // per row: half of every block of 2·half columns that begins inside the row
  half: u32,                                // a power of two
  flip: u32,                                // 1 compares with the mirror image instead of the same place in the upper half
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
//#if PAIR
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
//#end

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let comparator = base + j * WG;
    let row = comparator / params.comparators;
    if (row >= params.n) { break; }
    let t = comparator - row * params.comparators;
    let offset = t & (params.half - 1u);
    let low = 2u * t - offset;
    let high = select(low + params.half, low + 2u * (params.half - offset) - 1u, params.flip != 0u);
    if (high < params.m) { exchange(row * params.m + low, row * params.m + high); } // beyond m lies +infinity
  }
}

fn exchange(i: u32, j: u32) {
  let a = keys[i];
  let b = keys[j];
  if (a < b) { return; }
  //#if PAIR
  let p = order[i];
  let q = order[j];
  if (a == b && p < q) { return; }
  order[i] = q;
  order[j] = p;
  //#end
  keys[i] = b;
  keys[j] = a;
}
