// nn/softmax — y[o, j, i] = exp(x[o, j, i] − top) / Σ_l exp(x[o, l, i] − top), top = max_l x[o, l, i]; or its logarithm
//
// in    x [outer, size, inner] f32       finite
// out   y [outer, size, inner] f32       in [0, 1], the sum over the middle axis is 1; its logarithm, ≤ 0, where LOG is 1
// grid  one invocation per (o, i), neighbours along i: a sum's bits do not depend on the batch; WG per workgroup
// err   none here: the binding checks sizes
// src   Milakov & Gimelshein 2018, alg. 2 (safe softmax); PyTorch nn.Softmax, nn.LogSoftmax
// twin  services/engine/reference/nn/softmax.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override LOG: u32 = 0;                      // 1 for the logarithm

struct Params {
  sums: u32,                                // outer · inner
  size: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
  var top = x[first];
  for (var at = first + params.inner; at < end; at += params.inner) { top = max(top, x[at]); }
  var sum = 0.0;                            // ≥ 1: one of the terms is exp(0)
  for (var at = first; at < end; at += params.inner) {
    let term = exp(x[at] - top);
    sum += term;
    if (LOG == 0u) { y[at] = term; }
  }
  for (var at = first; at < end; at += params.inner) {
    if (LOG == 0u) { y[at] /= sum; } else { y[at] = x[at] - top - log(sum); }
  }
}
