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
  stride: u32,
  padding: u32,
  count_padding: u32,                       // 1: the forward pass divided by the whole window; 0: by its cells inside the image
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

// The first window along one axis that reaches cell `at`; the last is min((at + padding) / stride, count − 1).
fn first_window(at: u32, window: u32) -> u32 {
  let end = at + params.padding;
  if (end < window) { return 0u; }
  return (end - window) / params.stride + 1u;
}

// Cells of window `o` along one axis that lie inside the image.
fn inside(o: u32, window: u32, side: u32) -> u32 {
  let start = max(o * params.stride, params.padding) - params.padding;
  return min(o * params.stride + window - params.padding, side) - start;
}

fn gradient(i: u32) -> vec4f {
  let q = i % params.quads;
  let column = i / params.quads;            // (image · h + iy) · w + ix
  let row = column / params.w;
  let image = row / params.h;
  let iy = row - image * params.h;
  let ix = column - row * params.w;
  let last_y = min((iy + params.padding) / params.stride, params.oh - 1u);
  let last_x = min((ix + params.padding) / params.stride, params.ow - 1u);
  var sum = vec4f(0.0);
  for (var oy = first_window(iy, params.window); oy <= last_y; oy++) {
    let rows = select(inside(oy, params.window, params.h), params.window, params.count_padding == 1u);
    for (var ox = first_window(ix, params.window_width); ox <= last_x; ox++) {
      let columns = select(inside(ox, params.window_width, params.w), params.window_width, params.count_padding == 1u);
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
