// conv/transpose-weight — wT[t, k, c] = w[t, c, k]
//
// in    w [taps, C, K] f32              C and K multiples of 4; padding rows and columns are 0
// out   wT [taps, K, C] f32             so are its own
// grid  WG invocations per workgroup, each one 4×4 block: four vec4 loads, four vec4 stores
// err   none here: the binding checks sizes
// src   backward-data is a convolution of dy with the transposed filter
// twin  services/engine/reference/conv/transpose-weight.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  taps: u32,
  c4: u32,                                  // C / 4
  k4: u32,                                  // K / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> w_t: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.taps * params.c4 * params.k4) { return; }
  let k = i % params.k4;
  let c = i / params.k4 % params.c4;
  let tap = i / params.k4 / params.c4;
  let source = (tap * params.c4 + c) * 4u * params.k4 + k;
  let block = transpose(mat4x4f(w[source], w[source + params.k4], w[source + 2u * params.k4], w[source + 3u * params.k4]));
  let to = (tap * params.k4 + k) * 4u * params.c4 + c;
  for (var q = 0u; q < 4u; q++) { w_t[to + q * params.c4] = block[q]; }
}
