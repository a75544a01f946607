// attribution/path-finish — map = (x - b)∘g
//
// in    sum [n, m] f32                   g: weighted mean gradient along the path, or a plain gradient
//       x [n, m] f32                     images
//       baseline [n, m] f32              b: zero gives input × gradient
// out   map [n, m] f32                   signed attribution per sub-pixel
// grid  WG invocations · PER vec4 each per workgroup
// err   none here: the binding checks sizes
// src   Sundararajan, Taly & Yan 2017, eq. 1 and 3
// twin  services/engine/reference/attribution/path-finish.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n·m / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sum: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> baseline: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> map: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) { map[i] = (x[i] - baseline[i]) * sum[i]; }
  }
}
