// tensor/to-dense — y[n,c,s] = x[n,s,c]: channels last in fours to dense
//
// in    x [n, s, C] f32                   C = c rounded up to 4; the added lanes are dropped
// out   y [n, c, s] f32, row-major
// grid  one invocation per PER consecutive vec4 of x
// err   none here: the binding checks sizes
// src   a transposition of channels and pixels (graph/layout.ts)
// twin  services/engine/reference/tensor/to-dense.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // vec4 per invocation

struct Params {
  quads: u32,                               // n·s·C/4
  c: u32,
  s: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = (flat_workgroup(group, groups) * WG + local.x) * PER;
  if (first >= params.quads) { return; }
  let quads = (params.c + 3u) / 4u;         // of one pixel
  var q = first % quads;
  var p = first / quads % params.s;
  var plane = first / quads / params.s * params.c; // first channel of the image
  for (var i = first; i < min(first + PER, params.quads); i++) {
    let v = x[i];
    let at = (plane + 4u * q) * params.s + p;
    y[at] = v.x;
    if (4u * q + 1u < params.c) { y[at + params.s] = v.y; }
    if (4u * q + 2u < params.c) { y[at + 2u * params.s] = v.z; }
    if (4u * q + 3u < params.c) { y[at + 3u * params.s] = v.w; }
    q += 1u;
    if (q == quads) { q = 0u; p += 1u; }
    if (p == params.s) { p = 0u; plane += params.c; }
  }
}
