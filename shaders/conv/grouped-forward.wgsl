// conv/grouped-forward — y[m, k] = finish( bias[k] + Σ_tap Σ_i x[pixel(m, tap), group(k)·cg + i] · w[tap, i, k] )
//
// in    x [n, h, w, C] f32              channels of a group are neighbours; lanes past c are 0
//       w [kh·kw, cg, K] f32            cg = c / groups, not padded
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, oh, ow, K] f32            lanes past k become finish(0), which is 0
// grid  one invocation per PIXELS neighbours of a row of y and vec4 of channels, WG per workgroup
// err   none here: the binding checks sizes, and which of the three forms fits
// src   Krizhevsky et al. 2012 (groups); depthwise is cg = 1
// twin  services/engine/reference/conv/convolution.ts
//
// Direct, without tiles: with few channels per group there is little to reuse but the weight, which PIXELS share. DEPTHWISE,
// a channel to itself: vec4 by vec4. QUADS, groups of whole vec4: four channels of x at a time. Else each lane finds its own.

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  rows: u32,                                // n · oh
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
  kh: u32,
  kw: u32,
  c4: u32,                                  // vec4 per pixel of x and of y
  k4: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  groups: u32,
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
//#if X_TEXTURE
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn x_at(i: u32) -> vec4f { return texel(x, i); }
//#else
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
fn x_at(i: u32) -> vec4f { return x[i]; }
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
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

fn channel_of(pixel: u32, c: u32) -> f32 { return x_at(pixel + c / 4u)[c % 4u]; }

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  let per_row = (params.ow + ${PIXELS - 1}u) / ${PIXELS}u;
  let run = at / params.k4;
  let row = run / per_row;
  if (row >= params.rows) { return; }
  let k = at - run * params.k4;
  let first = (run - row * per_row) * ${PIXELS}u;
  let image = row / params.oh;
  let iy = i32((row - image * params.oh) * params.stride_y) - params.top;
  //#for p in 0..PIXELS
  let ix${p} = i32((first + ${p}u) * params.stride_x) - params.left;
  //#end
  //#if QUADS
  let group_quad = k * 4u / params.kg * params.cg / 4u;
  //#end
  //#if !QUADS && !DEPTHWISE
  // First input channel of each lane's group. A lane past the last channel takes the last group: its weights are 0.
  let channel = min((k * 4u + vec4u(0u, 1u, 2u, 3u)) / params.kg, vec4u(params.groups - 1u)) * params.cg;
  //#end

  let start = initial(k);
  //#for p in 0..PIXELS
  var sum${p} = start;
  //#end

  // One loop over the taps, not one per axis: a value carried round a loop is blended with the execution mask at every level.
  let taps = params.kh * params.kw;
  var ty = 0i;
  var tx = 0u;
  for (var t = 0u; t < taps; t++) {
    let py = u32(iy + ty * params.dilation_y);                      // above or left of the image: wraps round to something huge
    //#for p in 0..PIXELS
    let px${p} = u32(ix${p} + i32(tx) * params.dilation_x);
    let inside${p} = (py < params.h) & (px${p} < params.w);         // & not &&: no branches
    let from${p} = select(0u, ((image * params.h + py) * params.w + px${p}) * params.c4, inside${p});
    //#end
    // select, not multiplication by 0: what lies at 0 may be infinite and belongs to another image.
    //#if DEPTHWISE
    let w0 = w_at(t * params.k4 + k);
    //#for p in 0..PIXELS
    sum${p} = fma(select(vec4f(0.0), x_at(from${p} + k), inside${p}), w0, sum${p});
    //#end
    //#else
    //#if QUADS
    for (var c = 0u; c < params.cg / 4u; c++) {
      let from_w = (t * params.cg + c * 4u) * params.k4 + k;
      //#for q in 0..4
      let w${q} = w_at(from_w + ${q}u * params.k4);
      //#end
      //#for p in 0..PIXELS
      let a${p} = select(vec4f(0.0), x_at(from${p} + group_quad + c), inside${p});
      //#for q in 0..4
      sum${p} = fma(vec4f(a${p}.${"xyzw"[q]}), w${q}, sum${p});
      //#end
      //#end
    }
    //#else
    for (var i = 0u; i < params.cg; i++) {
      let c = channel + i;
      let w0 = w_at((t * params.cg + i) * params.k4 + k);
      //#for p in 0..PIXELS
      let a${p} = vec4f(channel_of(from${p}, c.x), channel_of(from${p}, c.y), channel_of(from${p}, c.z), channel_of(from${p}, c.w));
      sum${p} = fma(select(vec4f(0.0), a${p}, inside${p}), w0, sum${p});
      //#end
    }
    //#end
    //#end
    tx += 1u;
    let wrap = tx == params.kw;
    tx = select(tx, 0u, wrap);
    ty = select(ty, ty + 1i, wrap);
  }

  let to = (row * params.ow + first) * params.k4 + k;
  //#for p in 0..PIXELS
  if (first + ${p}u < params.ow) { y[to + ${p}u * params.k4] = finish(sum${p}, to + ${p}u * params.k4); }
  //#end
}
