// pool/max-pool-grad-disjoint — dx of max-pool when windows tile the image exactly: one window at a time, scattered; and 0 where x ≤ 0 if asked
//
// in    x  [n, h, w, C] f32, NHWC        the input of the forward pass
//       dy [n, oh, ow, C] f32            gradient with respect to y; padding lanes 0
// out   dx [n, h, w, C] f32              every element is written, once; padding lanes 0
// grid  one invocation per run of PER windows of a row of a vec4 of channels, neighbours along the channels: each cell
//       belongs to one window, so no two invocations write the same place
// err   none here: the binding uses this only when stride = window, padding = 0, h = oh·window and w = ow·window
// src   PyTorch nn.MaxPool2d: among equal cells the first in row-major order of the window takes the gradient
// twin  services/engine/reference/pool/max-pool-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // windows per invocation
override WINDOW: u32 = 2;                   // side of a window, and the stride; a constant, so that the loops over its cells are unrolled

const LARGEST: f32 = 3.4028234663852886e38; // finite f32: WGSL may assume that nothing is infinite

struct Params {
  rows: u32,                                // n · oh
  quads: u32,                               // C / 4
  ow: u32,
  relu: u32,                                // 1: x is what a ReLU returned, dx the gradient of what it read
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

fn scatter(row: u32, ox: u32, q: u32) {
  let line = params.ow * WINDOW * params.quads;
  let corner = row * WINDOW * line + ox * WINDOW * params.quads + q; // row · WINDOW is image · h + iy, because h = oh · WINDOW
  var best = vec4f(-LARGEST);
  var winner = vec4u(0u);                   // per lane: place of the first maximum in row-major order
  for (var iy = 0u; iy < WINDOW; iy++) {
    for (var ix = 0u; ix < WINDOW; ix++) {
      let value = x[corner + iy * line + ix * params.quads];
      let better = value > best;            // strictly: an equal cell that comes later loses
      best = select(best, value, better);
      winner = select(winner, vec4u(iy * WINDOW + ix), better);
    }
  }
  let blocked = vec4<bool>(params.relu == 1u) & (best <= vec4f(0.0));
  let gradient = select(dy[(row * params.ow + ox) * params.quads + q], vec4f(0.0), blocked);
  for (var iy = 0u; iy < WINDOW; iy++) {
    for (var ix = 0u; ix < WINDOW; ix++) {
      dx[corner + iy * line + ix * params.quads] = select(vec4f(0.0), gradient, winner == vec4u(iy * WINDOW + ix));
    }
  }
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
  let first = (run - row * runs) * PER;
  let last = min(first + PER, params.ow);
  for (var ox = first; ox < last; ox++) { scatter(row, ox, q); }
}
