// conv/winograd-output — the 2 × 2 pixels of y under tile t = finish( bias + Aᵀ s A ), s[i, j] = p[4i + j, t, k], for F(2×2, 3×3)
//
// in    p [16, tiles, K] f32            the products of conv/winograd-input and conv/winograd-weight
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, oh, ow, K] f32            written where a tile of this slice covers it
// grid  one invocation per tile and vec4 of channels, WG per workgroup
// err   none here: the binding checks sizes
// src   Lavin & Gray 2016, eq. 8
// twin  services/engine/reference/conv/winograd.ts
//
// Tiles as in conv/winograd-input.

override WG: u32 = 64;                      // invocations per workgroup

struct Params {
  tiles: u32,                               // of this slice
  first_tile: u32,
  tiles_y: u32,
  tiles_x: u32,
  oh: u32,
  ow: u32,
  k4: u32,
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read> mask: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

// Aᵀ, along one side of the tile.
fn side(s0: vec4f, s1: vec4f, s2: vec4f, s3: vec4f) -> array<vec4f, 2> {
  return array(s0 + s1 + s2, s1 - s2 - s3);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let cell = flat_workgroup(group, groups) * WG + local.x;
  if (cell >= params.tiles * params.k4) { return; }
  let k = cell % params.k4;
  let tile = params.first_tile + cell / params.k4;
  let line = tile / params.tiles_x;
  let oy = 2u * (line % params.tiles_y);
  let ox = 2u * (tile % params.tiles_x);
  let corner = (line / params.tiles_y * params.oh + oy) * params.ow + ox;
  let plane = params.tiles * params.k4;
  let start = initial(k);
  //#for j in 0..4
  let column${j} = side(p[${j}u * plane + cell], p[${4 + j}u * plane + cell], p[${8 + j}u * plane + cell], p[${12 + j}u * plane + cell]);
  //#end
  //#for i in 0..2
  let row${i} = side(column0[${i}], column1[${i}], column2[${i}], column3[${i}]);
  //#for j in 0..2
  {
    let at = (corner + ${i}u * params.ow + ${j}u) * params.k4 + k;
    if ((oy + ${i}u < params.oh) & (ox + ${j}u < params.ow)) { y[at] = finish(start + row${i}[${j}], at); }
  }
  //#end
  //#end
}
