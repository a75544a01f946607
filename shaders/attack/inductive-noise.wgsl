// attack/inductive-noise — y = clip(x + M∘z) or clip((1-M)∘x + M∘z), M[i] = 1 where rank[i] < k
//
// in    x [n, m] f32                     clean images
//       rank [n, m] u32                  place of each sub-pixel in its image's ranking, 0 = highest
//       noise [n, m] f32                 z
// out   y [n, m] f32                     exactly min(k, m) sub-pixels of each image are touched; the rest only clipped
// grid  WG invocations · PER vec4 each per workgroup, rows ignored
// err   none here: the binding checks sizes and ranges
// src   Duan et al. 2023, eq. 5 (types I and II), with exactly k sub-pixels instead of a threshold
// twin  services/engine/reference/attack/inductive-noise.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n·m / 4)
  k: u32,                                   // sub-pixels per image
  kind: u32,                                // 1 adds (type I), 2 replaces (type II)
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> rank: array<vec4u>;
@group(0) @binding(3) var<storage, read> noise: array<vec4f>;
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
    if (i >= params.quads) { break; }
    let touched = select(noise[i], x[i] + noise[i], params.kind == 1u);
    let value = select(x[i], touched, rank[i] < vec4u(params.k));
    y[i] = clamp(value, vec4f(params.low), vec4f(params.high));
  }
}
