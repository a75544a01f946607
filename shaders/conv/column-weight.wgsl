// conv/column-weight — wT[k, t·c + i] = w[t, i, k]
//
// in    w [taps, 4, K] f32              the weight of a layer with c ≤ 4 input channels; K a multiple of 4
// out   wT [K, columns] f32             columns = taps·c rounded up to 4; the last up to three are 0
// grid  WG invocations per workgroup, each one vec4 of wT
// err   none here: the binding checks sizes
// src   the weight as the matrix that turns a pixel of dy into its gradients of a window of x (col2im)
// twin  services/engine/reference/conv/column-weight.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  taps: u32,
  c: u32,                                   // channels, not padded
  k: u32,                                   // K, padded
  columns4: u32,                            // columns / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> w_t: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  if (at >= params.k * params.columns4) { return; }
  let k = at / params.columns4;
  let column = at % params.columns4 * 4u + vec4u(0u, 1u, 2u, 3u);
  let tap = column / params.c;
  let real = tap < vec4u(params.taps);
  let source = select(vec4u(0u), (tap * 4u + column % params.c) * params.k + k, real);
  w_t[at] = select(vec4f(0.0), vec4f(w[source.x], w[source.y], w[source.z], w[source.w]), real);
}
