// reduce/row-check — y[i] = (max|x-x0|, ‖x-x0‖₂, min x, max x, non-finite count, 0, 0, 0): the facts an attack must satisfy
//
// in    x [n, m] f32                     perturbed images
//       x0 [n, m] f32                    clean images
// out   y [n, 8] f32                     the first four are over elements finite in both; all 0 if there is none
// grid  one workgroup per row; WG invocations stride over the columns
// err   none here: the binding checks sizes; NaN and infinities are found by their bits and counted, never computed with
// src   Foolbox 3 `l_inf`, `l2` distances; the count is ours
// twin  services/engine/reference/reduce/row-check.ts

override WG: u32 = 64;                      // invocations per row, a power of two

struct Params {
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const RUN: u32 = 16u;                       // terms added before they join the total: keeps the rounding of long rows near √m

const LARGEST: f32 = 3.4028234663852886e38;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = flat_workgroup(group, groups);
  if (row >= params.n) { return; }
  var widest = 0.0;
  var squares = 0.0;
  var low = LARGEST;
  var high = -LARGEST;
  var bad = 0.0;
  for (var block = local.x; block < params.m; block += WG * RUN) {
    var part = 0.0;
    for (var c = block; c < min(block + WG * RUN, params.m); c += WG) {
      let i = row * params.m + c;
      if (!finite(x[i]) || !finite(x0[i])) { bad += 1.0; continue; }
      let delta = abs(x[i] - x0[i]);
      widest = max(widest, delta);
      part += delta * delta;
      low = min(low, x[i]);
      high = max(high, x[i]);
    }
    squares += part;
  }
  let count = tree_sum(local.x, bad);
  let none = count == f32(params.m);
  let facts = array(
    tree_max(local.x, widest), sqrt(tree_sum(local.x, squares)),
    select(-tree_max(local.x, -low), 0.0, none), select(tree_max(local.x, high), 0.0, none), count, 0.0, 0.0, 0.0,
  );
  if (local.x < 8u) { y[row * 8u + local.x] = facts[local.x]; }
}

fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }
