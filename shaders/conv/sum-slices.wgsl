// conv/sum-slices — y[i] = Σ_s part[s, i], slices in order
//
// in    part [slices, n] f32            partial sums, one per slice of the pixels; n a multiple of 4
// out   y [n] f32
// grid  WG invocations per workgroup, one vec4 each
// err   none here: the binding checks sizes
// src   pixels are cut at places fixed by the geometry, so the same sums are made on every run
// twin  services/engine/reference/conv/sum-slices.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  quads: u32,                               // n / 4
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> part: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.quads) { return; }
  var sum = part[i];
  for (var s = 1u; s < params.slices; s++) { sum += part[s * params.quads + i]; }
  y[i] = sum;
}
