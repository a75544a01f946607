// norm/group-apply — y = (x − mean) / √(variance + epsilon) · gamma + beta, mean and variance those of the element's group
//
// in    x [n] f32                        dense; groups of `size` neighbours
//       statistics [n / size, 2] f32     from norm/group-statistics
//       gamma, beta [channels] f32       read only where params.affine says so
// out   y [n] f32
// grid  WG invocations · PER elements each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes
// src   Ba, Kiros & Hinton 2016, eq. 4; Wu & He 2018, eq. 6
// twin  services/engine/reference/norm/group-apply.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // elements per invocation

struct Params {
  n: u32,
  size: u32,
  inner: u32,                               // neighbours that share a gamma and a beta
  channels: u32,
  affine: u32,                              // 0: neither; 1: gamma; 2: gamma and beta
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i >= params.n) { break; }
    let s = statistics[i / params.size];
    var value = (x[i] - s.x) * s.y;
    let channel = i / params.inner % params.channels;
    if (params.affine >= 1u) { value *= gamma[channel]; }
    if (params.affine >= 2u) { value += beta[channel]; }
    y[i] = value;
  }
}
