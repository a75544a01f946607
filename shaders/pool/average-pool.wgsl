// pool/average-pool — y[n,oy,ox,c] = sum of x over window (oy, ox) / cells counted
//
// in    x [n, h, w, C] f32, NHWC         padding lanes 0
// out   y [n, oh, ow, C] f32             padding lanes 0; may not alias x
// grid  one vec4 of y at a time; WG invocations · PER vec4 each per workgroup
// err   none here: the binding makes sure that every window holds at least one cell of the image
// src   PyTorch nn.AvgPool2d; global average pooling (Lin et al. 2014) is a window of h × w
// twin  services/engine/reference/pool/average-pool.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 32;                     // vec4 of y per invocation

struct Params {
  total: u32,                               // n · oh · ow · quads
  quads: u32,                               // C / 4
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  window: u32,                              // rows of a window
  window_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,                                 // padding
  left: u32,
  count_top: u32,                           // the cells of the padded image that count: all, or those of the image
  count_left: u32,
  count_bottom: u32,                        // past the last
  count_right: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

fn window_mean(i: u32) -> vec4f {
  let q = i % params.quads;
  let column = i / params.quads;            // (image · oh + oy) · ow + ox
  let row = column / params.ow;             // image · oh + oy
  let image = row / params.oh;
  let oy = row - image * params.oh;
  let ox = column - row * params.ow;
  // The window, cut to the image. `max` before the subtraction keeps it from wrapping below 0.
  let start_y = oy * params.stride_y;       // in the padded image
  let start_x = ox * params.stride_x;
  let top = max(start_y, params.top) - params.top;
  let left = max(start_x, params.left) - params.left;
  let bottom = min(start_y + params.window - params.top, params.h);
  let right = min(start_x + params.window_width - params.left, params.w);
  var sum = vec4f(0.0);
  for (var iy = top; iy < bottom; iy++) {
    let start = (image * params.h + iy) * params.w;
    for (var ix = left; ix < right; ix++) { sum += x[(start + ix) * params.quads + q]; }
  }
  // Rounded up, the output's last windows may reach beyond the padding too: what lies there never counts.
  let rows = min(start_y + params.window, params.count_bottom) - max(start_y, params.count_top);
  let columns = min(start_x + params.window_width, params.count_right) - max(start_x, params.count_left);
  return sum / f32(rows * columns);
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
    if (i < params.total) { y[i] = window_mean(i); }
  }
}
