// conv/column-sums — part[s, k] = Σ_{rows r of slice s} x[r, k]
//
// in    x [rows, K] f32                 K a multiple of 4; for a bias gradient: dy, rows = n·oh·ow
// out   part [slices, K] f32            conv/sum-slices adds the slices
// grid  one invocation per slice and vec4 of columns, WG per workgroup; neighbours read neighbouring columns
// err   none here: the binding checks sizes
// src   the gradient of a bias is the sum of the gradients of everything that it was added to
// twin  services/engine/reference/conv/column-sums.ts

override WG: u32 = 8;                       // invocations per workgroup

struct Params {
  rows: u32,
  k4: u32,                                  // K / 4
  rows_per_slice: u32,
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> part: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.slices * params.k4) { return; }
  let first = i / params.k4 * params.rows_per_slice;
  let end = min(first + params.rows_per_slice, params.rows);
  let k = i % params.k4;
  var sum = vec4f(0.0);
  for (var r = first; r < end; r++) { sum += x[r * params.k4 + k]; }
  part[i] = sum;
}
