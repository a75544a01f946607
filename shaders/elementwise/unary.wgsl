// elementwise/unary — y[i] = f(x[i])
//
// in    x [n] f32, any layout            in the domain of f; where f(0) = 0, padding lanes stay 0
// out   y [n] f32                        may not alias x
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes and parameters
// src   lib/unary
// twin  services/engine/reference/elementwise/unary.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation
override FN: u32 = 0;                       // which function

struct Params {
  quads: u32,                               // ceil(n / 4)
  p0: f32,                                  // parameters of the function
  p1: f32,
  p2: f32,
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
    if (i < params.quads) { y[i] = unary(x[i]); }
  }
}
