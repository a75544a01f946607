// attribution/row-sum — y[i] = Σ_c map[i,c]: what completeness compares with f(x) - f(baseline)
//
// in    map [n, m] f32                   signed attribution
// out   y [n] f32
// grid  one workgroup per row; WG invocations stride over the columns
// err   none here: the binding checks sizes
// src   Sundararajan, Taly & Yan 2017, prop. 1; Higham 2002, sec. 4.2 (blocked sums), fixed order
// twin  services/engine/reference/attribution/row-sum.ts

override WG: u32 = 64;                      // invocations per row, a power of two

struct Params {
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> map: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const RUN: u32 = 16u;                       // terms added before they join the total: keeps the rounding of long rows near √m

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = flat_workgroup(group, groups);
  if (row >= params.n) { return; }
  var total = 0.0;
  for (var block = local.x; block < params.m; block += WG * RUN) {
    var part = 0.0;
    for (var c = block; c < min(block + WG * RUN, params.m); c += WG) { part += map[row * params.m + c]; }
    total += part;
  }
  let sum = tree_sum(local.x, total);
  if (local.x == 0u) { y[row] = sum; }
}
