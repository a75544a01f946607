// attribution/path-point — y[j] = b + α_j (x - b), x and b of the image that row j belongs to
//
// in    x [images, m] f32                 end of the path
//       baseline [images, m] f32          its start, b
//       sourceRow [n] u32                 image of each row, < images
//       alpha [n] f32                     place on the path, usually in [0, 1]
// out   y [n, m] f32                     points of the straight path, one per row
// grid  WG invocations · PER items each per workgroup; an item is a vec4 of a row, or one float where 4 does not divide m
// err   none here: the binding checks sizes; an image number beyond the last reads the last
// src   Sundararajan, Taly & Yan 2017, eq. 1
// twin  services/engine/reference/attribution/path-point.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  n: u32,
  columns: u32,                             // items per row: m / 4, or m
  images: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> baseline: array<Item>;
@group(0) @binding(3) var<storage, read> sourceRow: array<u32>;
@group(0) @binding(4) var<storage, read> alpha: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Item>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    let row = i / params.columns;
    if (row >= params.n) { break; }
    let at = min(sourceRow[row], params.images - 1u) * params.columns + (i - row * params.columns);
    y[i] = baseline[at] + alpha[row] * (x[at] - baseline[at]);
  }
}
