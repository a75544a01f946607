// reduce/invert-rows — rank[i, order[i,p]] = p: from "which sub-pixel is p-th" to "which place has this sub-pixel"
//
// in    order [n, m] u32                 each row a permutation of 0 … m-1
// out   rank [n, m] u32                  its inverse; entries that no order names are left as they were
// grid  WG invocations · PER entries each per workgroup
// err   none here: the binding checks sizes; an entry ≥ m is left out
// src   elementary
// twin  services/engine/reference/reduce/invert-rows.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // entries per invocation

struct Params {
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> rank: array<u32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    let row = i / params.m;
    if (row >= params.n) { break; }
    let column = order[i];
    if (column < params.m) { rank[row * params.m + column] = i - row * params.m; }
  }
}
