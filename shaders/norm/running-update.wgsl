// norm/running-update — running[c] = keep · running[c] + take · batch[c]
//
// in    batch [C] f32                    this batch's mean or biased variance
// out   running [C] f32                  in place; padding lanes 0 stay 0
// grid  one invocation per vec4 of channels; WG invocations per workgroup
// err   none here: the binding checks the ranges
// src   Ioffe & Szegedy 2015; PyTorch's momentum (the share of the new value) and its rows/(rows − 1) for the variance
// twin  services/engine/reference/norm/running-update.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  quads: u32,                               // C / 4
  keep: f32,                                // 1 − momentum
  take: f32,                                // momentum · scale
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> batch: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> running: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let q = flat_workgroup(group, groups) * WG + local.x;
  if (q < params.quads) { running[q] = params.keep * running[q] + params.take * batch[q]; }
}
