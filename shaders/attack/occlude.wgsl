// attack/occlude — row j: image sourceRow_j with squares of side 2·radius_j around its first count_j centres painted over
//
// in    x [images, c·h·w] f32            clean images
//       centres [images, maxCentres] u32 pixel indices y·w + x, most important first
//       sourceRow [rows] u32             image of each output row, < images
//       count [rows] u32                 how many centres, ≤ maxCentres
//       radius [rows] u32                square [y-r, y+r) × [x-r, x+r), clipped to the image; 0 paints nothing
// out   y [rows, c·h·w] f32
// grid  WG invocations · PER pixels each per workgroup, over rows · h · w pixels; one test serves all channels
// err   none here: the binding checks sizes; an image or count too large is read as the last
// src   Duan et al. 2023, algorithm 1; squares as in their released code
// twin  services/engine/reference/attack/occlude.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 4;                      // pixels per invocation

struct Params {
  rows: u32,
  images: u32,
  c: u32,
  h: u32,
  w: u32,
  maxCentres: u32,
  colour: f32,                              // of every channel, pixel units of [0, 1]
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> centres: array<u32>;
@group(0) @binding(3) var<storage, read> sourceRow: array<u32>;
@group(0) @binding(4) var<storage, read> count: array<u32>;
@group(0) @binding(5) var<storage, read> radius: array<u32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  let pixels = params.h * params.w;
  for (var j = 0u; j < PER; j++) {
    let item = base + j * WG;
    let row = item / pixels;
    if (row >= params.rows) { break; }
    let pixel = item - row * pixels;
    let image = min(sourceRow[row], params.images - 1u);
    let painted = covered(pixel, image * params.maxCentres, min(count[row], params.maxCentres), i32(min(radius[row], params.h + params.w)));
    for (var ch = 0u; ch < params.c; ch++) {
      y[(row * params.c + ch) * pixels + pixel] = select(x[(image * params.c + ch) * pixels + pixel], params.colour, painted);
    }
  }
}

fn covered(pixel: u32, first: u32, n: u32, r: i32) -> bool {
  let at = vec2i(i32(pixel / params.w), i32(pixel % params.w));
  var inside = false;
  for (var t = 0u; t < n; t++) {
    let centre = centres[first + t];
    let offset = at - vec2i(i32(centre / params.w), i32(centre % params.w));
    inside = inside || all((offset >= vec2i(-r)) & (offset < vec2i(r)));
  }
  return inside;
}
