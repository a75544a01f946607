// pool/max-pool-grad-disjoint — dx of max-pool when windows tile the image exactly: one window at a time, scattered
//
// in    x  [n, h, w, C] f32, NHWC        the input of the forward pass
//       dy [n, oh, ow, C] f32            gradient with respect to y; padding lanes 0
// out   dx [n, h, w, C] f32              every element is written, once; padding lanes 0
// grid  one vec4 of dy at a time: each cell belongs to one window, so no two invocations write the same place
// err   none here: the binding uses this only when stride = window, padding = 0, h = oh·window and w = ow·window
// src   PyTorch nn.MaxPool2d: among equal cells the first in row-major order of the window takes the gradient
// twin  services/engine/reference/pool/max-pool-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 4;                      // vec4 of dy per invocation

struct Params {
  total: u32,                               // n · oh · ow · quads
  quads: u32,                               // C / 4
  ow: u32,
  window: u32,                              // side of a window, and the stride
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

fn scatter(i: u32) {
  let q = i % params.quads;
  let column = i / params.quads;            // (image · oh + oy) · ow + ox
  let row = column / params.ow;             // image · oh + oy; times window it is image · h + iy, because h = oh · window
  let width = params.ow * params.window;
  let corner = (row * params.window * width + (column - row * params.ow) * params.window) * params.quads + q;
  let line = width * params.quads;
  var best = x[corner];
  var winner = vec4u(0u);                   // per lane: place of the first maximum in row-major order
  for (var iy = 0u; iy < params.window; iy++) {
    for (var ix = 0u; ix < params.window; ix++) {
      let value = x[corner + iy * line + ix * params.quads];
      let better = value > best;            // strictly: an equal cell that comes later loses
      best = select(best, value, better);
      winner = select(winner, vec4u(iy * params.window + ix), better);
    }
  }
  let gradient = dy[i];
  for (var iy = 0u; iy < params.window; iy++) {
    for (var ix = 0u; ix < params.window; ix++) {
      dx[corner + iy * line + ix * params.quads] = select(vec4f(0.0), gradient, winner == vec4u(iy * params.window + ix));
    }
  }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.total) { scatter(i); }
  }
}
