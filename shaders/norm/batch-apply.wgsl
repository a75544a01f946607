// norm/batch-apply — y[r,c] = gamma[c] · (x[r,c] − mean[c]) / √(variance[c] + epsilon) + beta[c], then ReLU if asked
//
// in    x [rows, C] f32                  rows = n·h·w
//       mean, variance [C] f32           of this batch (training) or running (evaluation); variance ≥ 0
//       gamma, beta [C] f32              padding lanes 0, which makes those of y 0
// out   y [rows, C] f32                  may not alias x
// grid  an invocation takes PER vec4 of one channel group, `span` apart: neighbours load neighbours, scale is made once
// err   none here: the binding checks that epsilon > 0
// src   Ioffe & Szegedy 2015, alg. 1 and 2
// twin  services/engine/reference/norm/batch-apply.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // rows per invocation

struct Params {
  total: u32,                               // rows · quads
  quads: u32,                               // C / 4
  span: u32,                                // ceil(rows / PER) · quads
  epsilon: f32,
  relu: u32,                                // 1: y = max(y, 0)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read> variance: array<vec4f>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(5) var<storage, read> beta: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG + local.x;
  if (base >= params.span) { return; }
  let q = base % params.quads;
  let centre = mean[q];
  let scale = gamma[q] / sqrt(variance[q] + params.epsilon);
  let shift = beta[q];
  for (var j = 0u; j < PER; j++) {
    let i = base + j * params.span;
    if (i < params.total) {
      let value = (x[i] - centre) * scale + shift; // subtract first: x·scale + (shift − centre·scale) cancels when mean ≫ deviation
      y[i] = select(value, max(value, vec4f(0.0)), params.relu == 1u);
    }
  }
}
