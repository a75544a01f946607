// elementwise/relu — y[i] = max(x[i], 0)
//
// in    x [n] f32, any layout            padding lanes are 0 and stay 0
// out   y [n] f32                        may not alias x
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes; a NaN in x gives 0 or NaN (WGSL leaves max(NaN, 0) open)
// src   Nair & Hinton 2010
// twin  services/engine/reference/elementwise/relu.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) { y[i] = max(x[i], vec4f(0.0)); }
  }
}
