// norm/batch-apply — y[r,c] = gamma[c] · (x[r,c] − mean[c]) / √(variance[c] + epsilon) + beta[c], plus a residual and then ReLU if asked
//
// in    x [rows, C] f32                  rows = n·h·w
//       mean, variance [C] f32           of this batch (training) or running (evaluation); variance ≥ 0
//       gamma, beta [C] f32              padding lanes 0, which makes those of y 0
//       residual [rows, C] f32           read when residual_added = 1; padding lanes 0
// out   y [rows, C] f32                  may not alias x or residual
// grid  one invocation per PER rows of a vec4 of channels, neighbours along the channels: its factors are made once
// err   none here: the binding checks that epsilon > 0
// src   Ioffe & Szegedy 2015, alg. 1 and 2
// twin  services/engine/reference/norm/batch-apply.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // rows per invocation

struct Params {
  rows: u32,
  quads: u32,                               // C / 4
  epsilon: f32,
  residual_added: u32,                      // 1: y = … + residual
  relu: u32,                                // 1: y = max(y, 0)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read> variance: array<vec4f>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(5) var<storage, read> beta: array<vec4f>;
@group(0) @binding(6) var<storage, read> residual: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let at = flat_workgroup(group, groups) * WG + local.x;
  let first = at / params.quads * PER;
  if (first >= params.rows) { return; }
  let q = at % params.quads;
  let centre = mean[q];
  let scale = gamma[q] / sqrt(variance[q] + params.epsilon);
  let shift = beta[q];
  let last = min(first + PER, params.rows);
  for (var row = first; row < last; row++) {
    let i = row * params.quads + q;
    var value = (x[i] - centre) * scale + shift; // subtract first: x·scale + (shift − centre·scale) cancels when mean ≫ deviation
    if (params.residual_added == 1u) { value += residual[i]; }
    y[i] = select(value, max(value, vec4f(0.0)), params.relu == 1u);
  }
}
