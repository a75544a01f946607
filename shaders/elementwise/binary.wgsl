// elementwise/binary — y[i] = f(a[i], b[i])
//
// in    a, b [n] f32, both in one layout  where f(0, 0) = 0, padding lanes stay 0; may be the same tensor
// out   y [n] f32                        may not alias a or b
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes
// src   lib/binary
// twin  services/engine/reference/elementwise/binary.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation
override FN: u32 = 0;                       // which function

struct Params {
  quads: u32,                               // ceil(n / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) { y[i] = binary(a[i], b[i]); }
  }
}
