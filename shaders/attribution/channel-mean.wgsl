// attribution/channel-mean — y[i,p] = (1/c) Σ_k map[i,k,p], channels in ascending order
//
// in    map [n, c, p] f32                signed attribution, p = h·w pixels
// out   y [n, p] f32                     one value per pixel, signed
// grid  WG invocations · PER pixels each per workgroup, over n · p pixels
// err   none here: the binding checks sizes
// src   Duan et al. 2023, released code `get_feature_map_avg`
// twin  services/engine/reference/attribution/channel-mean.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // pixels per invocation

struct Params {
  n: u32,
  c: u32,
  p: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> map: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let item = base + j * WG;
    let row = item / params.p;
    if (row >= params.n) { break; }
    var sum = 0.0;
    for (var k = 0u; k < params.c; k++) { sum += map[(row * params.c + k) * params.p + (item - row * params.p)]; }
    y[item] = sum / f32(params.c);
  }
}
