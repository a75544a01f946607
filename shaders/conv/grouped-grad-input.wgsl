// conv/grouped-grad-input — dx[p, c] = finish( Σ_tap Σ_j dy[pixel(p, tap), group(c)·kg + j] · w[tap, c mod cg, group(c)·kg + j] )
//
// in    dy [n, oh, ow, K] f32           channels of a group are neighbours
//       w [kh·kw, cg, K] f32            as stored: cg = c / groups, not padded
//       bias unused; residual, mask as dx, read only where params.flags says so (lib/conv-epilogue)
// out   dx [n, h, w, C] f32             lanes past c become finish(0), which is 0
// grid  one invocation per vec4 of dx, WG per workgroup
// err   none here: the binding checks sizes
// src   transpose of conv/grouped-forward: an output pixel reaches iy by tap ky where oy·stride = iy + padding − ky
// twin  services/engine/reference/conv/convolution-grad-input.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  pixels: u32,                              // n · h · w
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride: u32,
  padding: u32,
  kh: u32,
  kw: u32,
  c4: u32,                                  // vec4 per pixel of dx; floats per pixel of dy
  k_pitch: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  c: u32,                                   // input channels, not padded
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  if (at >= params.pixels * params.c4) { return; }
  let p = at / params.c4;
  let ix = i32(p % params.w + params.padding);
  let iy = i32(p / params.w % params.h + params.padding);
  let image = p / params.w / params.h;
  let c = at % params.c4 * 4u + vec4u(0u, 1u, 2u, 3u);
  let real = c < vec4u(params.c);                                   // a lane past the last channel belongs to no group
  let channel = min(c, vec4u(params.c - 1u));
  let first_k = channel / params.cg * params.kg;
  let row = channel % params.cg * params.k_pitch + first_k;         // of w: [c mod cg, first channel of the group]

  var sum = vec4f(0.0);
  for (var ky = 0u; ky < params.kh; ky++) {
    let sy = iy - i32(ky);
    if (sy < 0 || sy % i32(params.stride) != 0 || sy / i32(params.stride) >= i32(params.oh)) { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let sx = ix - i32(kx);
      if (sx < 0 || sx % i32(params.stride) != 0 || sx / i32(params.stride) >= i32(params.ow)) { continue; }
      let pixel = (image * params.oh + u32(sy) / params.stride) * params.ow + u32(sx) / params.stride;
      let tap = (ky * params.kw + kx) * params.cg * params.k_pitch;
      for (var j = 0u; j < params.kg; j++) {
        let source = pixel * params.k_pitch + first_k + j;
        let by = tap + row + j;
        sum = fma(vec4f(dy[source.x], dy[source.y], dy[source.z], dy[source.w]), vec4f(w[by.x], w[by.y], w[by.z], w[by.w]), sum);
      }
    }
  }
  dx[at] = finish(select(vec4f(0.0), sum, real), at);
}
