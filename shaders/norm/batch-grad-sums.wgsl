// norm/batch-grad-sums — per channel and slice of rows: sum of dy and of dy · x̂, with x̂ = (x − mean) / √(variance + epsilon)
//
// in    dy, x [rows, C] f32              rows = n·h·w; padding lanes 0
//       mean, variance [C] f32           those the forward pass used
// out   parts [slices, 2, C] f32         [s, 0] sum of dy over slice s; [s, 1] sum of dy · x̂
// grid  one invocation per (slice, vec4 of channels), neighbours along the channels; WG invocations per workgroup
// err   none here: the binding checks that epsilon > 0
// src   Ioffe & Szegedy 2015, §3 (the gradients of beta and gamma)
// twin  services/engine/reference/norm/batch-grad-sums.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  rows: u32,
  quads: u32,                               // C / 4
  slice_rows: u32,                          // rows per slice; the last may have fewer
  slices: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read> variance: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec4f>;

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
  let centre = mean[q];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var row = first; row < last; row++) {
    let at = row * params.quads + q;
    let gradient = dy[at];
    sum += gradient;
    product += gradient * (x[at] - centre);
  }
  parts[slice * 2u * params.quads + q] = sum;
  parts[(slice * 2u + 1u) * params.quads + q] = product / sqrt(variance[q] + params.epsilon);
}
