// conv/winograd-weight — u[4i + j, r, k] = (G g Gᵀ)[i, j], g = the 3 × 3 filter of (r, k), for Winograd's F(2×2, 3×3)
//
// in    w [9, C, K] f32                 the layer's weight: g = w[·, r, k]; for backward-data g = w[·, k, r] read backwards
// out   u [16, rows, columns] f32       rows, columns = C, K; for backward-data K, C
// grid  one invocation per vec4 of rows × columns, WG per workgroup
// err   none here: the binding checks sizes
// src   Lavin & Gray 2016, eq. 8
// twin  services/engine/reference/conv/winograd.ts

override WG: u32 = 64;                      // invocations per workgroup

struct Params {
  rows: u32,
  columns4: u32,
  adjoint: u32,                             // 1: for backward-data
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4f>;

// G, along one side of the filter.
fn side(g0: vec4f, g1: vec4f, g2: vec4f) -> array<vec4f, 4> {
  return array(g0, 0.5 * (g0 + g1 + g2), 0.5 * (g0 - g1 + g2), g2);
}

// Element t of the filters of row r and the four columns from k.
fn tap(t: u32, r: u32, k: u32) -> vec4f {
  let plane = params.rows * params.columns4 * 4u;
  if (params.adjoint == 0u) {
    let at = t * plane + r * params.columns4 * 4u + k;
    return vec4f(w[at], w[at + 1u], w[at + 2u], w[at + 3u]);
  }
  let at = (8u - t) * plane + k * params.rows + r;
  return vec4f(w[at], w[at + params.rows], w[at + 2u * params.rows], w[at + 3u * params.rows]);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let cells = params.rows * params.columns4;
  let cell = flat_workgroup(group, groups) * WG + local.x;
  if (cell >= cells) { return; }
  let r = cell / params.columns4;
  let k = cell % params.columns4 * 4u;
  //#for x in 0..3
  let column${x} = side(tap(${x}u, r, k), tap(${3 + x}u, r, k), tap(${6 + x}u, r, k));
  //#end
  //#for i in 0..4
  let row${i} = side(column0[${i}], column1[${i}], column2[${i}]);
  //#for j in 0..4
  u[${4 * i + j}u * cells + cell] = row${i}[${j}];
  //#end
  //#end
}
