// pool/max-pool-grad — dx[cell] = sum of dy over the windows whose first maximum is that cell, and 0 where x ≤ 0 if asked
//
// in    x  [n, h, w, C] f32, NHWC        the input of the forward pass
//       y  [n, oh, ow, C] f32            its output: exact copies of elements of x, so == finds the maxima
//       dy [n, oh, ow, C] f32            gradient with respect to y; padding lanes 0
// out   dx [n, h, w, C] f32              every element is written; padding lanes 0
// grid  one vec4 of dx at a time (gathered: windows may overlap and there are no float atomics)
// err   none here: the binding checks the geometry
// src   PyTorch nn.MaxPool2d: among equal cells the first in row-major order of the window takes the gradient
// twin  services/engine/reference/pool/max-pool-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 32;                     // vec4 of dx per invocation
override DILATION_Y: u32 = 1;               // from one cell of a window to the next; constants, so that 1 costs nothing
override DILATION_X: u32 = 1;

struct Params {
  total: u32,                               // n · h · w · quads
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
  relu: u32,                                // 1: x is what a ReLU returned, dx the gradient of what it read
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

// The first window along one axis that reaches as far as cell `at` of the padded image; the last is min(at / stride, count − 1).
fn first_window(at: u32, window: u32, stride: u32, dilation: u32) -> u32 {
  let reach = (window - 1u) * dilation + 1u;
  if (at < reach) { return 0u; }
  return (at - reach) / stride + 1u;
}

// The first cell inside the image along one axis, of the window that starts at `start` of the padded image.
fn first_cell(start: u32, padding: u32, dilation: u32) -> u32 {
  if (start >= padding) { return start - padding; }
  return (dilation - (padding - start) % dilation) % dilation;
}

// Per lane: does no cell of window (oy, ox) that comes before (iy, ix) in row-major order equal `top`?
fn none_before(image: u32, oy: u32, ox: u32, iy: u32, ix: u32, q: u32, top: vec4f) -> vec4<bool> {
  let first_row = first_cell(oy * params.stride_y, params.top, DILATION_Y);
  let left = first_cell(ox * params.stride_x, params.left, DILATION_X);
  let right = min(ox * params.stride_x + (params.window_width - 1u) * DILATION_X + 1u - params.left, params.w);
  var none = vec4<bool>(true);
  for (var ey = first_row; ey <= iy; ey += DILATION_Y) {
    let start = (image * params.h + ey) * params.w;
    let end = select(right, ix, ey == iy);
    for (var ex = left; ex < end; ex += DILATION_X) { none = none & (x[(start + ex) * params.quads + q] != top); }
  }
  return none;
}

fn gradient(i: u32) -> vec4f {
  let q = i % params.quads;
  let column = i / params.quads;            // (image · h + iy) · w + ix
  let row = column / params.w;
  let image = row / params.h;
  let iy = row - image * params.h;
  let ix = column - row * params.w;
  let y_padded = iy + params.top;
  let x_padded = ix + params.left;
  let last_y = min(y_padded / params.stride_y, params.oh - 1u);
  let last_x = min(x_padded / params.stride_x, params.ow - 1u);
  let value = x[i];
  var sum = vec4f(0.0);
  for (var oy = first_window(y_padded, params.window, params.stride_y, DILATION_Y); oy <= last_y; oy++) {
    if ((y_padded - oy * params.stride_y) % DILATION_Y != 0u) { continue; } // the cell lies between two of the window
    for (var ox = first_window(x_padded, params.window_width, params.stride_x, DILATION_X); ox <= last_x; ox++) {
      if ((x_padded - ox * params.stride_x) % DILATION_X != 0u) { continue; }
      let o = ((image * params.oh + oy) * params.ow + ox) * params.quads + q;
      let top = y[o];
      var wins = value == top;
      if (any(wins)) {
        wins = wins & none_before(image, oy, ox, iy, ix, q, top);
        sum += select(vec4f(0.0), dy[o], wins);
      }
    }
  }
  return select(sum, vec4f(0.0), vec4<bool>(params.relu == 1u) & (value <= vec4f(0.0)));
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
    if (i < params.total) { dx[i] = gradient(i); }
  }
}
