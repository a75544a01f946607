// attack/linf-start — x = clip_[low,high]( x0 + (2u - 1) ε ), u uniform in [0, 1)
//
// in    x0 [n, m] f32                    clean images
//       images [n] u32                   index of each row's image in the data set
//       draws [n] u32                    added to params.draw row by row when rowDraws is 1 (else any buffer)
// out   x [n, m] f32                     uniform in the ε-box around x0, then clipped
// grid  WG invocations · PER blocks of 4 columns each per workgroup, over n · ceil(m/4) blocks
// err   none here: the binding checks sizes and ranges
// src   Madry et al. 2018; order as in torchattacks 3.5 PGD(random_start=True)
// twin  services/engine/reference/attack/linf-start.ts

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
  epsilon: f32,                             // pixel units of [0, 1]
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<${V == 4 ? "vec4f" : "f32"}>;
@group(0) @binding(2) var<storage, read> images: array<u32>;
@group(0) @binding(3) var<storage, read> draws: array<u32>;
@group(0) @binding(4) var<storage, read_write> x: array<${V == 4 ? "vec4f" : "f32"}>;

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
    let delta = (2.0 * unit_interval(words) - 1.0) * params.epsilon;
    //#if V == 4
    x[item] = clamp(x0[item] + delta, vec4f(params.low), vec4f(params.high));
    //#else
    for (var e = 0u; e < min(4u, params.m - 4u * block); e++) {
      let i = row * params.m + 4u * block + e;
      x[i] = clamp(x0[i] + delta[e], params.low, params.high);
    }
    //#end
  }
}
