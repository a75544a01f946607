// tensor/from-dense — y[n,s,c] = x[n,c,s]: dense to channels last in fours
//
// in    x [n, c, s] f32, row-major
// out   y [n, s, C] f32                   C = c rounded up to 4; the added lanes are 0
// grid  one invocation per PER consecutive vec4 of y
// err   none here: the binding checks sizes
// src   a transposition of channels and pixels (graph/layout.ts)
// twin  services/engine/reference/tensor/from-dense.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // vec4 per invocation

struct Params {
  quads: u32,                               // n·s·C/4
  c: u32,
  s: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

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
    // A lane past the last channel reads the last one's place, so that no read leaves x, and is 0 then.
    let lanes = 4u * q + vec4u(0u, 1u, 2u, 3u);
    let at = (plane + min(lanes, vec4u(params.c - 1u))) * params.s + p;
    y[i] = select(vec4f(0.0), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), lanes < vec4u(params.c));
    q += 1u;
    if (q == quads) { q = 0u; p += 1u; }
    if (p == params.s) { p = 0u; plane += params.c; }
  }
}
