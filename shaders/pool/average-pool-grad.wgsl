// pool/average-pool-grad — dx[cell] = sum over the windows that contain it of dy / cells counted
//
// in    dy [n, oh, ow, C] f32, NHWC      gradient with respect to y; padding lanes 0
// out   dx [n, h, w, C] f32              every element is written; padding lanes 0
// grid  one vec4 of dx at a time (gathered: windows may overlap and there are no float atomics)
// err   none here: the binding checks the geometry
// src   PyTorch nn.AvgPool2d
// twin  services/engine/reference/pool/average-pool-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 32;                     // vec4 of dx per invocation

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
  count_top: u32,                           // the cells of the padded image that the forward pass counted: all, or those of the image
  count_left: u32,
  count_bottom: u32,                        // past the last
  count_right: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

// The first window along one axis that reaches cell `at` of the padded image; the last is min(at / stride, count − 1).
fn first_window(at: u32, window: u32, stride: u32) -> u32 {
  if (at < window) { return 0u; }
  return (at - window) / stride + 1u;
}

fn gradient(i: u32) -> vec4f {
  let q = i % params.quads;
  let column = i / params.quads;            // (image · h + iy) · w + ix
  let row = column / params.w;
  let image = row / params.h;
  let y = row - image * params.h + params.top;
  let x = column - row * params.w + params.left;
  let last_y = min(y / params.stride_y, params.oh - 1u);
  let last_x = min(x / params.stride_x, params.ow - 1u);
  var sum = vec4f(0.0);
  for (var oy = first_window(y, params.window, params.stride_y); oy <= last_y; oy++) {
    let start_y = oy * params.stride_y;
    let rows = min(start_y + params.window, params.count_bottom) - max(start_y, params.count_top);
    for (var ox = first_window(x, params.window_width, params.stride_x); ox <= last_x; ox++) {
      let start_x = ox * params.stride_x;
      let columns = min(start_x + params.window_width, params.count_right) - max(start_x, params.count_left);
      sum += dy[((image * params.oh + oy) * params.ow + ox) * params.quads + q] / f32(rows * columns);
    }
  }
  return sum;
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
