// norm/group-grad-affine — per channel and slice of rows: sum of dy · x̂ and of dy, x̂ = (x − mean) / √(variance + epsilon)
//
// in    dy, x [rows, channels, inner] f32  dense
//       statistics [groups, 2] f32       from norm/group-statistics; a group is `size` neighbours
// out   gamma_parts [slices, channels] f32  sum of dy · x̂ over slice s of the rows
//       beta_parts [slices, channels] f32  sum of dy
// grid  one invocation per (slice, channel), neighbours along the channels; WG invocations per workgroup
// err   none here: no slice is empty (kernels/norm/channels.ts)
// src   y = x̂ · gamma + beta
// twin  services/engine/reference/norm/group-grad-affine.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  rows: u32,
  channels: u32,
  inner: u32,
  size: u32,                                // of a group; a multiple of inner
  slice_rows: u32,                          // rows per slice; the last may have fewer
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> gamma_parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> beta_parts: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  let slice = i / params.channels;
  if (slice >= params.slices) { return; }
  let channel = i - slice * params.channels;
  let last = min((slice + 1u) * params.slice_rows, params.rows);
  var sum = vec2f(0.0);
  for (var row = slice * params.slice_rows; row < last; row++) {
    let first = (row * params.channels + channel) * params.inner;
    let s = statistics[first / params.size];
    var part = vec2f(0.0);
    for (var at = first; at < first + params.inner; at++) { part += vec2f(dy[at] * (x[at] - s.x), dy[at]); }
    sum += vec2f(part.x * s.y, part.y);
  }
  gamma_parts[i] = sum.x;
  beta_parts[i] = sum.y;
}
