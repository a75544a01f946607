// attribution/path-accumulate — sum_i ← sum_i + Σ_j w_j g_j (or w_j g_j²) over the rows j of image i, in ascending order
//
// in    gradient [rows, m] f32            one row per path point or sample
//       weight [rows] f32                 quadrature weight or 1 / samples
//       firstRow [n] u32                  first row of each image
//       rowCount [n] u32                  how many rows follow; 0 leaves the sum as it is
// out   sum [n, m] f32, in place         one running sum per sub-pixel, so bits do not depend on how rows are split over launches
// grid  WG invocations · PER items each per workgroup; an item is a vec4 of a row, or one float where 4 does not divide m
// err   none here: the binding checks sizes; rows beyond the last are left out
// src   Sundararajan, Taly & Yan 2017, eq. 3; Smilkov et al. 2017; squared: Captum `smoothgrad_sq`
// twin  services/engine/reference/attribution/path-accumulate.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  n: u32,
  columns: u32,                             // items per row: m / 4, or m
  rows: u32,
  squared: u32,                             // 0 | 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<Item>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> firstRow: array<u32>;
@group(0) @binding(4) var<storage, read> rowCount: array<u32>;
@group(0) @binding(5) var<storage, read_write> sum: array<Item>;

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
    let first = min(firstRow[row], params.rows);
    let end = first + min(rowCount[row], params.rows - first);
    let column = i - row * params.columns;
    var total = sum[i];
    for (var r = first; r < end; r++) {
      let g = gradient[r * params.columns + column];
      total += weight[r] * select(g, g * g, params.squared != 0u);
    }
    sum[i] = total;
  }
}
