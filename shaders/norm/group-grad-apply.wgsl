// norm/group-grad-apply — dx = (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + epsilon), g = dy · gamma, means over the element's group
//
// in    dy, x [n] f32                    dense; groups of `size` neighbours
//       statistics [n / size, 2] f32     from norm/group-statistics
//       sums [n / size, 2] f32           from norm/group-grad-sums
//       gamma [channels] f32             read only where params.scaled says so
// out   dx [n] f32
// grid  WG invocations · PER elements each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes
// src   Ioffe & Szegedy 2015, §3, with a group in the place of the batch
// twin  services/engine/reference/norm/group-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // elements per invocation

struct Params {
  n: u32,
  size: u32,
  inner: u32,                               // neighbours that share a gamma
  channels: u32,
  scaled: u32,                              // 0: without gamma
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read> sums: array<vec2f>;
@group(0) @binding(5) var<storage, read> gamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

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
    let means = sums[i / params.size];
    var g = dy[i];
    if (params.scaled == 1u) { g *= gamma[i / params.inner % params.channels]; }
    dx[i] = (g - means.x - (x[i] - s.x) * s.y * means.y) * s.y;
  }
}
