// conv/grouped-forward — y[m, k] = finish( bias[k] + Σ_tap Σ_i x[pixel(m, tap), group(k)·cg + i] · w[tap, i, k] )
//
// in    x [n, h, w, C] f32              channels of a group are neighbours; lanes past c are 0
//       w [kh·kw, cg, K] f32            cg = c / groups, not padded
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, oh, ow, K] f32            lanes past k become finish(0), which is 0
// grid  one invocation per vec4 of y, WG per workgroup
// err   none here: the binding checks sizes
// src   Krizhevsky et al. 2012 (groups); depthwise is cg = 1
// twin  services/engine/reference/conv/convolution.ts
//
// Direct, without tiles: with few channels per group there is little to reuse.

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  pixels: u32,                              // n · oh · ow
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride: u32,
  padding: u32,
  kh: u32,
  kw: u32,
  c_pitch: u32,                             // floats per pixel of x; vec4 per pixel of y
  k4: u32,
  cg: u32,                                  // input and output channels per group
  kg: u32,
  groups: u32,
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  if (at >= params.pixels * params.k4) { return; }
  let k = at % params.k4;
  let m = at / params.k4;
  let ix = i32(m % params.ow * params.stride) - i32(params.padding);
  let iy = i32(m / params.ow % params.oh * params.stride) - i32(params.padding);
  let image = m / params.ow / params.oh;
  // First input channel of each lane's group. A lane past the last channel takes the last group: its weights are 0.
  let channel = min((k * 4u + vec4u(0u, 1u, 2u, 3u)) / params.kg, vec4u(params.groups - 1u)) * params.cg;

  var sum = initial(k);
  for (var ky = 0u; ky < params.kh; ky++) {
    let py = iy + i32(ky);
    if (py < 0 || py >= i32(params.h)) { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let px = ix + i32(kx);
      if (px < 0 || px >= i32(params.w)) { continue; }
      let source = ((image * params.h + u32(py)) * params.w + u32(px)) * params.c_pitch;
      let tap = (ky * params.kw + kx) * params.cg;
      for (var i = 0u; i < params.cg; i++) {
        let c = source + channel + i;
        sum = fma(vec4f(x[c.x], x[c.y], x[c.z], x[c.w]), w[(tap + i) * params.k4 + k], sum);
      }
    }
  }
  y[at] = finish(sum, at);
}
