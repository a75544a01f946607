// conv/grouped-grad-input — dx[p, c] = finish( bias[c] + Σ_tap Σ_j dy[pixel(p, tap), group(c)·kg + j] · w[tap, c mod cg, group(c)·kg + j] )
//
// in    dy [n, oh, ow, K] f32           channels of a group are neighbours; lanes past k are 0
//       w [kh·kw, cg, K] f32            as stored: cg = c / groups, not padded
//       bias [C], residual, mask as dx  read only where params.flags says so (lib/conv-epilogue)
// out   dx [n, h, w, C] f32             lanes past c become finish(0), which is 0
// grid  one invocation per PIXELS pixels of a row of dx, stride_x apart, and vec4 of channels, WG per workgroup
// err   none here: the binding checks sizes, and which of the three forms fits
// src   transpose of conv/grouped-forward: an output pixel reaches iy by tap ky where oy·stride = iy + top − ky·dilation
// twin  services/engine/reference/conv/convolution-grad-input.ts
//
// Pixels a stride apart are reached by the same taps, so they share the weight. The forms are those of conv/grouped-forward;
// one group of QUADS, with the padding of its channels, serves strides for which an implicit GEMM would take too many passes.

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  rows: u32,                                // n · h
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,                                 // padding
  left: i32,
  dilation_y: i32,
  dilation_x: i32,
  kh: u32,
  kw: u32,
  taps_y: u32,                              // most taps that reach a pixel
  taps_x: u32,
  k_step_y: u32,                            // from one of them to the next
  k_step_x: u32,
  o_step_y: i32,                            // by so much their output pixel falls
  o_step_x: i32,
  c4: u32,                                  // vec4 per pixel of dx and of dy
  k4: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  c: u32,                                   // input channels, not padded
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
//#if DY_TEXTURE
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
fn dy_at(i: u32) -> vec4f { return texel(dy, i); }
//#else
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
fn dy_at(i: u32) -> vec4f { return dy[i]; }
//#end
//#if W_TEXTURE
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
fn w_at(i: u32) -> vec4f { return texel(w, i); }
//#else
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
fn w_at(i: u32) -> vec4f { return w[i]; }
//#end
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

const NONE = 0x0fffffffu;                   // more than any tap

// The first tap that reaches pixel `at` (padding included), or NONE. It is one of the first `most`.
fn first_tap(at: i32, stride: u32, dilation: i32, most: u32) -> u32 {
  for (var k = 0u; k < most; k++) {
    if ((at - i32(k) * dilation) % i32(stride) == 0) { return k; }
  }
  return NONE;
}

fn dy_channel(pixel: u32, k: u32) -> f32 { return dy_at(pixel + k / 4u)[k % 4u]; }
fn w_channel(row: u32, k: u32) -> f32 { return w_at(row * params.k4 + k / 4u)[k % 4u]; }

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  let span = params.stride_x * ${PIXELS}u;
  let per_row = (params.w + span - 1u) / span * params.stride_x;
  let run = at / params.c4;
  let row = run / per_row;
  if (row >= params.rows) { return; }
  let c = at - run * params.c4;
  let place = run - row * per_row;
  let first = place / params.stride_x * span + place % params.stride_x;
  let image = row / params.h;
  let sy = i32(row - image * params.h) + params.top;
  let sx = i32(first) + params.left;
  let ky0 = first_tap(sy, params.stride_y, params.dilation_y, min(params.k_step_y, params.kh));
  let kx0 = first_tap(sx, params.stride_x, params.dilation_x, min(params.k_step_x, params.kw));
  let first_oy = (sy - i32(ky0) * params.dilation_y) / i32(params.stride_y);
  let first_ox = (sx - i32(kx0) * params.dilation_x) / i32(params.stride_x);
  //#if QUADS
  let group_quad = c * 4u / params.cg * params.kg / 4u;
  let w_row = c * 4u % params.cg;
  //#end
  //#if !QUADS && !DEPTHWISE
  let lanes = c * 4u + vec4u(0u, 1u, 2u, 3u);
  let real = lanes < vec4u(params.c);                               // a lane past the last channel belongs to no group
  let channel = min(lanes, vec4u(params.c - 1u));
  let first_k = channel / params.cg * params.kg;
  let w_row = channel % params.cg;
  //#end

  let start = initial(c);
  //#for p in 0..PIXELS
  var sum${p} = start;
  //#end

  let taps = params.taps_y * params.taps_x;
  var ty = 0u;
  var tx = 0u;
  for (var t = 0u; t < taps; t++) {
    let ky = ky0 + ty * params.k_step_y;
    let kx = kx0 + tx * params.k_step_x;
    let reaches = (ky < params.kh) & (kx < params.kw);              // & not &&: no branches
    let tap = select(0u, ky * params.kw + kx, reaches);
    let oy = u32(first_oy - i32(ty) * params.o_step_y);                  // above or left of the image: wraps round to something huge
    //#for p in 0..PIXELS
    let ox${p} = u32(first_ox + ${p}i - i32(tx) * params.o_step_x);
    let inside${p} = reaches & (oy < params.oh) & (ox${p} < params.ow);
    let from${p} = select(0u, ((image * params.oh + oy) * params.ow + ox${p}) * params.k4, inside${p});
    //#end
    //#if DEPTHWISE
    let w0 = w_at(tap * params.k4 + c);
    //#for p in 0..PIXELS
    sum${p} = fma(select(vec4f(0.0), dy_at(from${p} + c), inside${p}), w0, sum${p});
    //#end
    //#else
    //#if QUADS
    let from_w = (tap * params.cg + w_row) * params.k4 + group_quad;
    for (var j = 0u; j < params.kg / 4u; j++) {
      //#for i in 0..4
      let b${i} = w_at(from_w + ${i}u * params.k4 + j);
      //#end
      //#for q in 0..4
      let w${q} = vec4f(b0.${"xyzw"[q]}, b1.${"xyzw"[q]}, b2.${"xyzw"[q]}, b3.${"xyzw"[q]});
      //#end
      //#for p in 0..PIXELS
      let a${p} = select(vec4f(0.0), dy_at(from${p} + group_quad + j), inside${p});
      //#for q in 0..4
      sum${p} = fma(vec4f(a${p}.${"xyzw"[q]}), w${q}, sum${p});
      //#end
      //#end
    }
    //#else
    let rows = tap * params.cg + w_row;
    for (var j = 0u; j < params.kg; j++) {
      let k = first_k + j;
      let w0 = vec4f(w_channel(rows.x, k.x), w_channel(rows.y, k.y), w_channel(rows.z, k.z), w_channel(rows.w, k.w));
      //#for p in 0..PIXELS
      let a${p} = vec4f(dy_channel(from${p}, k.x), dy_channel(from${p}, k.y), dy_channel(from${p}, k.z), dy_channel(from${p}, k.w));
      sum${p} = fma(select(vec4f(0.0), a${p}, real & vec4<bool>(inside${p})), w0, sum${p});
      //#end
    }
    //#end
    //#end
    tx += 1u;
    let wrap = tx == params.taps_x;
    tx = select(tx, 0u, wrap);
    ty = select(ty, ty + 1u, wrap);
  }

  //#for p in 0..PIXELS
  {
    let ix = first + ${p}u * params.stride_x;
    let to = (row * params.w + ix) * params.c4 + c;
    if (ix < params.w) { dx[to] = finish(sum${p}, to); }
  }
  //#end
}
