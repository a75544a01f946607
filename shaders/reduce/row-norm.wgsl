// reduce/row-norm — norm[i] = ‖a_i - b_i‖₂ or ‖a_i‖₂
//
// in    a [n, m] f32                     rows
//       b [n, m] f32                     subtracted when subtract is 1 (else any buffer)
// out   norm [n] f32                     squares must not overflow: values below 1e18; lengths below 1e-19 read as 0
// grid  one workgroup per row; WG invocations stride over the columns
// err   none here: the binding checks sizes
// src   Higham 2002, sec. 4.2 (blocked sums), fixed order
// twin  services/engine/reference/reduce/row-norm.ts

override WG: u32 = 64;                      // invocations per row, a power of two

struct Params {
  n: u32,
  m: u32,
  subtract: u32,                            // 0 | 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;

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
    for (var c = block; c < min(block + WG * RUN, params.m); c += WG) {
      let i = row * params.m + c;
      let d = a[i] - select(0.0, b[i], params.subtract != 0u);
      part += d * d;
    }
    total += part;
  }
  let sum = tree_sum(local.x, total);
  if (local.x == 0u) { norm[row] = sqrt(sum); }
}
