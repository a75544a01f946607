// elementwise/where — y[i] = a[i] where condition[i] is not 0, else b[i]
//
// in    condition, a, b [n] f32, all in one layout
// out   y [n] f32                        may not alias what it reads
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes
// src   NumPy's where
// twin  services/engine/reference/elementwise/where.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> condition: array<vec4f>;
@group(0) @binding(2) var<storage, read> a: array<vec4f>;
@group(0) @binding(3) var<storage, read> b: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) { y[i] = select(b[i], a[i], condition[i] != vec4f(0.0)); }
  }
}
