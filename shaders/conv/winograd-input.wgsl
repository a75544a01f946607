// conv/winograd-input — v[4i + j, t, c] = (Bᵀ d B)[i, j], d = the 4 × 4 pixels of x under tile t, for Winograd's F(2×2, 3×3)
//
// in    x [n, h, w, C] f32              what is convolved: forward the activation, backward-data dy; 0 outside
// out   v [16, tiles, C] f32
// grid  one invocation per tile and vec4 of channels, WG per workgroup
// err   none here: the binding checks sizes
// src   Lavin & Gray 2016, eq. 8
// twin  services/engine/reference/conv/winograd.ts
//
// Tile T of the whole batch, T = (image · tiles_y + ty) · tiles_x + tx, makes output pixels (2ty, 2tx) to (2ty + 1, 2tx + 1).

override WG: u32 = 64;                      // invocations per workgroup

struct Params {
  tiles: u32,                               // of this slice
  first_tile: u32,                          // t = T − first_tile
  tiles_y: u32,
  tiles_x: u32,
  h: u32,
  w: u32,
  c4: u32,
  padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4f>;

// Bᵀ, along one side of the patch.
fn side(d0: vec4f, d1: vec4f, d2: vec4f, d3: vec4f) -> array<vec4f, 4> {
  return array(d0 - d2, d1 + d2, d2 - d1, d1 - d3);
}

// Above or left of the image wraps round to something huge.
fn pixel(image: u32, iy: u32, ix: u32, c: u32) -> vec4f {
  let inside = (iy < params.h) & (ix < params.w);
  return select(vec4f(0.0), x[select(0u, ((image * params.h + iy) * params.w + ix) * params.c4 + c, inside)], inside);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let cell = flat_workgroup(group, groups) * WG + local.x;
  if (cell >= params.tiles * params.c4) { return; }
  let c = cell % params.c4;
  let tile = params.first_tile + cell / params.c4;
  let line = tile / params.tiles_x;
  let image = line / params.tiles_y;
  let iy = 2u * (line % params.tiles_y) - params.padding;
  let ix = 2u * (tile % params.tiles_x) - params.padding;
  //#for s in 0..4
  let column${s} = side(pixel(image, iy, ix + ${s}u, c), pixel(image, iy + 1u, ix + ${s}u, c), pixel(image, iy + 2u, ix + ${s}u, c), pixel(image, iy + 3u, ix + ${s}u, c));
  //#end
  //#for i in 0..4
  let row${i} = side(column0[${i}], column1[${i}], column2[${i}], column3[${i}]);
  //#for j in 0..4
  v[${4 * i + j}u * params.tiles * params.c4 + cell] = row${i}[${j}];
  //#end
  //#end
}
