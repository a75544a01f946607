// norm/batch-statistics-merge — the slices' means and squared deviations become the mean and biased variance of all rows
//
//   running_mean     = (1 − momentum) · running_mean + momentum · mean
//   running_variance = (1 − momentum) · running_variance + momentum · variance · rows/(rows − 1)
//
// in    x [rows, C] f32                  only row 0 is read: the slices' means are given relative to it
//       parts [slices, 2, C] f32         from norm/batch-statistics
// out   mean, variance [C] f32           variance = sum of squared deviations / rows; padding lanes 0
//       running_mean, running_variance [C] f32   in place; padding lanes stay 0
// grid  one invocation per vec4 of channels, over the slices in order; WG invocations per workgroup
// err   none here: no slice may be empty, and there are 2 rows or more
// src   Chan, Golub & LeVeque 1983, eq. 2.1; PyTorch's running statistics: momentum is the share of the new value, the variance unbiased
// twin  services/engine/reference/norm/batch-statistics.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  rows: u32,
  quads: u32,                               // C / 4
  slice_rows: u32,
  slices: u32,
  momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> parts: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> variance: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> running_mean: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> running_variance: array<vec4f>;

fn rows_of(slice: u32) -> f32 {
  return f32(min(params.slice_rows, params.rows - slice * params.slice_rows));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let q = flat_workgroup(group, groups) * WG + local.x;
  if (q >= params.quads) { return; }
  var sum = vec4f(0.0);
  for (var slice = 0u; slice < params.slices; slice++) { sum += rows_of(slice) * parts[slice * 2u * params.quads + q]; }
  let centre = sum / f32(params.rows);      // relative to x[0]
  var squares = vec4f(0.0);
  for (var slice = 0u; slice < params.slices; slice++) {
    let d = parts[slice * 2u * params.quads + q] - centre;
    squares += parts[(slice * 2u + 1u) * params.quads + q] + rows_of(slice) * d * d;
  }
  let keep = 1.0 - params.momentum;
  mean[q] = x[q] + centre;
  running_mean[q] = keep * running_mean[q] + params.momentum * (x[q] + centre);
  variance[q] = squares / f32(params.rows);
  running_variance[q] = keep * running_variance[q] + params.momentum * squares / f32(params.rows - 1u);
}
