// conv/grouped-grad-weight — part[slice, tap, i, k] = Σ_{pixels m of the slice} x[pixel(m, tap), group(k)·cg + i] · dy[m, k]
//
// in    x [n, h, w, C] f32              channels of a group are neighbours; lanes past c are 0
//       dy [n, oh, ow, K] f32           lanes past k are 0, and so is their part of the result
// out   part [slices, kh·kw, cg, K] f32 conv/sum-slices adds the slices; with one slice this is dw itself
// grid  one invocation per slice and vec4 of the weight (QUADS: four of them, of neighbouring i), WG per workgroup
// err   none here: the binding checks sizes, and which of the three forms fits
// src   transpose of conv/grouped-forward in w
// twin  services/engine/reference/conv/convolution-grad-weight.ts
//
// The forms are those of conv/grouped-forward.

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  pixels: u32,                              // n · oh · ow
  pixels_per_slice: u32,
  slices: u32,
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,                                 // padding
  left: i32,
  dilation_y: i32,                          // pixels of x per tap
  dilation_x: i32,
  taps: u32,                                // kh · kw
  kw: u32,
  c4: u32,                                  // vec4 per pixel of x and of dy
  k4: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  groups: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
//#if X_TEXTURE
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn x_at(i: u32) -> vec4f { return texel(x, i); }
//#else
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
fn x_at(i: u32) -> vec4f { return x[i]; }
//#end
//#if DY_TEXTURE
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
fn dy_at(i: u32) -> vec4f { return texel(dy, i); }
//#else
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
fn dy_at(i: u32) -> vec4f { return dy[i]; }
//#end
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

const ROWS = ${QUADS ? 4 : 1}u;             // of the weight, per invocation

fn channel_of(pixel: u32, c: u32) -> f32 { return x_at(pixel + c / 4u)[c % 4u]; }

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  let per_tap = params.cg / ROWS;
  if (at >= params.slices * params.taps * per_tap * params.k4) { return; }
  let k = at % params.k4;
  let i = at / params.k4 % per_tap * ROWS;
  let tap = at / params.k4 / per_tap % params.taps;
  let slice = at / params.k4 / per_tap / params.taps;
  let ky = i32(tap / params.kw) * params.dilation_y - params.top;
  let kx = i32(tap % params.kw) * params.dilation_x - params.left;
  //#if QUADS
  let quad = (k * 4u / params.kg * params.cg + i) / 4u;
  //#end
  //#if !QUADS && !DEPTHWISE
  // A lane past the last channel takes the last group: its dy are 0.
  let channel = min((k * 4u + vec4u(0u, 1u, 2u, 3u)) / params.kg, vec4u(params.groups - 1u)) * params.cg + i;
  //#end

  let begin = slice * params.pixels_per_slice;
  let end = min(begin + params.pixels_per_slice, params.pixels);
  let line = begin / params.ow;
  var image = line / params.oh;
  var oy = line - image * params.oh;
  var ox = begin - line * params.ow;
  //#for r in 0..QUADS ? 4 : 1
  var sum${r} = vec4f(0.0);
  //#end
  for (var m = begin; m < end; m++) {
    let iy = u32(i32(oy * params.stride_y) + ky);                   // above or left of the image: wraps round to something huge
    let ix = u32(i32(ox * params.stride_x) + kx);
    let inside = (iy < params.h) & (ix < params.w);                 // & not &&: no branches
    let source = select(0u, ((image * params.h + iy) * params.w + ix) * params.c4, inside);
    let d = dy_at(m * params.k4 + k);
    // select, not multiplication by 0: what lies at 0 may be infinite and belongs to another image.
    //#if DEPTHWISE
    sum0 = fma(select(vec4f(0.0), x_at(source + k), inside), d, sum0);
    //#else
    //#if QUADS
    let a = select(vec4f(0.0), x_at(source + quad), inside);
    //#for r in 0..4
    sum${r} = fma(vec4f(a.${"xyzw"[r]}), d, sum${r});
    //#end
    //#else
    let a = vec4f(channel_of(source, channel.x), channel_of(source, channel.y), channel_of(source, channel.z), channel_of(source, channel.w));
    sum0 = fma(select(vec4f(0.0), a, inside), d, sum0);
    //#end
    //#end
    ox += 1u;
    let next_row = ox == params.ow;
    ox = select(ox, 0u, next_row);
    oy = select(oy, oy + 1u, next_row);
    let next_image = oy == params.oh;
    oy = select(oy, 0u, next_image);
    image = select(image, image + 1u, next_image);
  }
  let to = ((slice * params.taps + tap) * params.cg + i) * params.k4 + k;
  //#for r in 0..QUADS ? 4 : 1
  part[to + ${r}u * params.k4] = sum${r};
  //#end
}
