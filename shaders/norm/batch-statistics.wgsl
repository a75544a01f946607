// norm/batch-statistics — per channel and slice of rows: the slice's mean and its sum of squared deviations
//
// in    x [rows, C] f32                  rows = n·h·w; padding lanes 0
// out   parts [slices, 2, C] f32         [s, 0] mean of slice s minus x[0]; [s, 1] sum of (x − mean of slice s)²
// grid  one invocation per (slice, vec4 of channels), neighbours along the channels; WG invocations per workgroup
// err   none here: no slice may be empty (kernels/norm/channels.ts)
// src   Chan, Golub & LeVeque 1983: sums of differences from a pivot keep their digits when mean ≫ deviation
// twin  services/engine/reference/norm/batch-statistics.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  rows: u32,
  quads: u32,                               // C / 4
  slice_rows: u32,                          // rows per slice; the last may have fewer
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  let slice = i / params.quads;
  if (slice >= params.slices) { return; }
  let q = i - slice * params.quads;
  let first = slice * params.slice_rows;
  let last = min(first + params.slice_rows, params.rows);
  // The pivot is a member of the slice, so the cancellation below loses at most a factor of the slice's length.
  let pivot = x[first * params.quads + q];
  var sum = vec4f(0.0);
  var squares = vec4f(0.0);
  for (var row = first + 1u; row < last; row++) {
    let d = x[row * params.quads + q] - pivot;
    sum += d;
    squares += d * d;
  }
  let mean = sum / f32(last - first);
  parts[slice * 2u * params.quads + q] = (pivot - x[q]) + mean;
  parts[(slice * 2u + 1u) * params.quads + q] = max(squares - sum * mean, vec4f(0.0));
}
