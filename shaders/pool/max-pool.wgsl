// pool/max-pool — y[n,oy,ox,c] = max of x over the cells of window (oy, ox) that lie inside the image
//
// in    x [n, h, w, C] f32, NHWC         padding lanes 0
// out   y [n, oh, ow, C] f32             padding lanes 0 (a maximum of zeros); may not alias x
// grid  one invocation per run of PER windows of a row of a vec4 of channels, neighbours along the channels
// err   none here: the binding makes sure that every window holds at least one cell of the image
// src   PyTorch nn.MaxPool2d (cells outside count as −∞, so they never win)
// twin  services/engine/reference/pool/max-pool.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // windows per invocation
override WINDOW: u32 = 2;                   // rows of a window; a constant, so that the loops over its cells are unrolled
override WINDOW_WIDTH: u32 = 2;

const LARGEST: f32 = 3.4028234663852886e38; // finite f32: WGSL may assume that nothing is infinite

struct Params {
  rows: u32,                                // n · oh
  quads: u32,                               // C / 4
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,                                 // padding
  left: u32,
  dilation_y: u32,                          // from one cell of a window to the next
  dilation_x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// Coordinates are the padding too large until they are compared: what lies before the image then wraps to beyond its end.
fn window_maximum(image: u32, top: u32, left: u32, q: u32) -> vec4f {
  var best = vec4f(-LARGEST);
  for (var dy = 0u; dy < WINDOW; dy++) {
    let iy = top + dy * params.dilation_y - params.top;
    for (var dx = 0u; dx < WINDOW_WIDTH; dx++) {
      let ix = left + dx * params.dilation_x - params.left;
      if (iy < params.h && ix < params.w) { best = max(best, x[((image * params.h + iy) * params.w + ix) * params.quads + q]); }
    }
  }
  return best;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  let run = at / params.quads;
  let runs = (params.ow + PER - 1u) / PER;  // of a row
  let row = run / runs;                     // image · oh + oy
  if (row >= params.rows) { return; }
  let q = at - run * params.quads;
  let image = row / params.oh;
  let top = (row - image * params.oh) * params.stride_y;
  let first = (run - row * runs) * PER;
  let last = min(first + PER, params.ow);
  for (var ox = first; ox < last; ox++) { y[(row * params.ow + ox) * params.quads + q] = window_maximum(image, top, ox * params.stride_x, q); }
}
