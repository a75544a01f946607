// loss/select-logit-grad — dlogits[i,j] = scale where j is the label of image i, else 0
//
// in    labels [n] u32                   in [0, k); a larger one counts as k − 1
// out   dlogits [n, K] f32               every element is written; padding lanes 0
// grid  one invocation per image; WG images per workgroup
// err   none here: the binding checks sizes
// src   Sundararajan et al. 2017 (F_t, the target's score before the softmax)
// twin  services/engine/reference/loss/select-logit-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  k: u32,
  stride: u32,                              // K = k rounded up to 4
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.n) { return; }
  let label = min(labels[i], params.k - 1u);
  for (var j = 0u; j < params.stride; j++) { dlogits[i * params.stride + j] = select(0.0, params.scale, j == label); }
}
