// loss/select-logit — y[i] = logits[i, label]: the score that attributions explain
//
// in    logits [n, K] f32
//       labels [n] u32                   in [0, k); a larger one counts as k − 1, so nothing outside is read
// out   y [n] f32
// grid  one invocation per image; WG images per workgroup
// err   none here: the binding checks sizes
// src   Sundararajan et al. 2017 (F_t, the target's score before the softmax)
// twin  services/engine/reference/loss/select-logit.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  k: u32,
  stride: u32,                              // K = k rounded up to 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i < params.n) { y[i] = logits[i * params.stride + min(labels[i], params.k - 1u)]; }
}
