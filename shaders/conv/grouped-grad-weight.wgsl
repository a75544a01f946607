// conv/grouped-grad-weight — part[slice, tap, i, k] = Σ_{pixels m of the slice} x[pixel(m, tap), group(k)·cg + i] · dy[m, k]
//
// in    x [n, h, w, C] f32              channels of a group are neighbours
//       dy [n, oh, ow, K] f32           lanes past k are 0, and so is their part of the result
// out   part [slices, kh·kw, cg, K] f32 conv/sum-slices adds the slices; with one slice this is dw itself
// grid  one invocation per slice and vec4 of the weight, WG per workgroup
// err   none here: the binding checks sizes
// src   transpose of conv/grouped-forward in w
// twin  services/engine/reference/conv/convolution-grad-weight.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  pixels: u32,                              // n · oh · ow
  pixels_per_slice: u32,
  slices: u32,
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride: u32,
  padding: u32,
  taps: u32,                                // kh · kw
  kw: u32,
  c_pitch: u32,                             // floats per pixel of x; vec4 per pixel of dy
  k4: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  groups: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  if (at >= params.slices * params.taps * params.cg * params.k4) { return; }
  let k = at % params.k4;
  let i = at / params.k4 % params.cg;
  let tap = at / params.k4 / params.cg % params.taps;
  let slice = at / params.k4 / params.cg / params.taps;
  let ky = i32(tap / params.kw) - i32(params.padding);
  let kx = i32(tap % params.kw) - i32(params.padding);
  let channel = min((k * 4u + vec4u(0u, 1u, 2u, 3u)) / params.kg, vec4u(params.groups - 1u)) * params.cg + i;

  var sum = vec4f(0.0);
  for (var m = slice * params.pixels_per_slice; m < min((slice + 1u) * params.pixels_per_slice, params.pixels); m++) {
    let line = m / params.ow;
    let iy = i32(line % params.oh * params.stride) + ky;
    let ix = i32(m % params.ow * params.stride) + kx;
    if (iy < 0 || iy >= i32(params.h) || ix < 0 || ix >= i32(params.w)) { continue; }
    let c = ((line / params.oh * params.h + u32(iy)) * params.w + u32(ix)) * params.c_pitch + channel;
    sum = fma(vec4f(x[c.x], x[c.y], x[c.z], x[c.w]), dy[m * params.k4 + k], sum);
  }
  part[at] = sum;
}
