// random/fill-normal — y[i,c] = mean + sd z, z standard normal
//
// in    images [n] u32                   index of each row's image in the data set
//       draws [n] u32                    added to params.draw row by row when rowDraws is 1 (else any buffer)
// out   y [n, m] f32, row-major         any sign; |z| < 5.8 (24-bit uniforms)
// grid  WG invocations · PER blocks of 4 columns each per workgroup, over n · ceil(m/4) blocks
// err   none here: the binding checks sizes and u32 ranges
// src   Salmon et al. 2011 (lib/philox); Box & Muller 1958 (lib/normal)
// twin  services/engine/reference/random/fill-normal.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 4;                      // blocks per invocation

struct Params {
  n: u32,
  m: u32,
  seedLow: u32,
  seedHigh: u32,
  draw: u32,
  stream: u32,
  rowDraws: u32,                            // 0 | 1
  mean: f32,                         // of each value
  sd: f32,                           // standard deviation, ≥ 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> draws: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<${V == 4 ? "vec4f" : "f32"}>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  let blocks = (params.m + 3u) / 4u;
  for (var j = 0u; j < PER; j++) {
    let item = base + j * WG;
    let row = item / blocks;
    if (row >= params.n) { break; }
    let block = item - row * blocks;
    let draw = params.draw + select(0u, draws[row], params.rowDraws != 0u);
    let words = philox4x32(vec4u(block, images[row], draw, params.stream), vec2u(params.seedLow, params.seedHigh));
    let value = params.mean + params.sd * normals(words);
    //#if V == 4
    y[item] = value;                        // m = 4 · blocks
    //#else
    for (var e = 0u; e < min(4u, params.m - 4u * block); e++) { y[row * params.m + 4u * block + e] = value[e]; }
    //#end
  }
}
