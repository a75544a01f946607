// norm/fold-batch-norm — weights and bias that do convolution (or linear) and evaluation-mode batch norm in one
//
//   w_folded[r,k] = w[r,k] · s[k]        s = gamma / √(variance + epsilon)
//   bias_folded[k] = (bias[k] − mean[k]) · s[k] + beta[k]
//
// in    w [rows, K] f32                  rows = taps · input channels; padding lanes 0
//       bias [K] f32                     not read when has_bias is 0 (then any tensor of that size may stand here)
//       gamma, beta, mean, variance [K] f32   padding lanes 0, which makes those of the results 0
// out   w_folded [rows, K], bias_folded [K] f32
// grid  one invocation per PER rows of a vec4 of channels, neighbours along the channels: its factors are made once
// err   none here: the binding checks that epsilon > 0
// src   Jacob et al. 2018, §3.2
// twin  services/engine/reference/norm/fold-batch-norm.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // rows per invocation

struct Params {
  rows: u32,                                // of w
  quads: u32,                               // K / 4
  epsilon: f32,
  has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(4) var<storage, read> beta: array<vec4f>;
@group(0) @binding(5) var<storage, read> mean: array<vec4f>;
@group(0) @binding(6) var<storage, read> variance: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> w_folded: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> bias_folded: array<vec4f>;

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
  let scale = gamma[q] / sqrt(variance[q] + params.epsilon);
  let last = min(first + PER, params.rows);
  for (var row = first; row < last; row++) {
    let i = row * params.quads + q;
    w_folded[i] = w[i] * scale;
  }
  if (first == 0u) {
    let before = select(vec4f(0.0), bias[q], params.has_bias == 1u);
    bias_folded[q] = (before - mean[q]) * scale + beta[q];
  }
}
