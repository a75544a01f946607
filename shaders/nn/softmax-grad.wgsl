// nn/softmax-grad — dx[o, j, i] = y[o, j, i] · (dy[o, j, i] − Σ_l dy[o, l, i] · y[o, l, i]); of log softmax: dy − exp(y) · Σ_l dy
//
// in    dy [outer, size, inner] f32
//       y [outer, size, inner] f32       what nn/softmax returned, of the same LOG
// out   dx [outer, size, inner] f32      its sum over the middle axis is 0
// grid  one invocation per (o, i), neighbours along i: a sum's bits do not depend on the batch; WG per workgroup
// err   none here: the binding checks sizes
// src   Bridle 1990 (the derivative of softmax is y_j · (δ_jl − y_l))
// twin  services/engine/reference/nn/softmax-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override LOG: u32 = 0;                      // 1 for the logarithm

struct Params {
  sums: u32,                                // outer · inner
  size: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let sum_index = flat_workgroup(group, groups) * WG + local.x;
  if (sum_index >= params.sums) { return; }
  let first = sum_index / params.inner * params.size * params.inner + sum_index % params.inner;
  let end = first + params.size * params.inner;
  var sum = 0.0;
  for (var at = first; at < end; at += params.inner) {
    if (LOG == 0u) { sum += dy[at] * y[at]; } else { sum += dy[at]; }
  }
  for (var at = first; at < end; at += params.inner) {
    if (LOG == 0u) { dx[at] = y[at] * (dy[at] - sum); } else { dx[at] = dy[at] - exp(y[at]) * sum; }
  }
}
