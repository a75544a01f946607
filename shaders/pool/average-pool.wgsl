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
  stride: u32,
  padding: u32,
  count_padding: u32,                       // 1: divide by the whole window; 0: by its cells inside the image
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
  let top = max(oy * params.stride, params.padding) - params.padding;
  let left = max(ox * params.stride, params.padding) - params.padding;
  let bottom = min(oy * params.stride + params.window - params.padding, params.h);
  let right = min(ox * params.stride + params.window_width - params.padding, params.w);
  var sum = vec4f(0.0);
  for (var iy = top; iy < bottom; iy++) {
    let start = (image * params.h + iy) * params.w;
    for (var ix = left; ix < right; ix++) { sum += x[(start + ix) * params.quads + q]; }
  }
  let inside = (bottom - top) * (right - left);
  return sum / f32(select(inside, params.window * params.window_width, params.count_padding == 1u));
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
