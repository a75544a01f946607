// elementwise/relu-grad — dx[i] = dy[i] where y[i] > 0, else 0
//
// in    dy [n] f32                       gradient with respect to y
//       y  [n] f32                       what relu returned (its sign decides, so x need not be kept)
// out   dx [n] f32                       may not alias dy or y; 0 at y = 0, as PyTorch has it
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes
// src   Nair & Hinton 2010
// twin  services/engine/reference/elementwise/relu-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) { dx[i] = select(vec4f(0.0), dy[i], y[i] > vec4f(0.0)); }
  }
}
