// norm/batch-grad-eval — dx[r,c] = dy[r,c] · gamma[c] / √(variance[c] + epsilon)
//
// in    dy [rows, C] f32                 rows = n·h·w
//       variance [C] f32                 the running variance: a constant, so nothing flows through it
//       gamma [C] f32                    padding lanes 0, which makes those of dx 0
// out   dx [rows, C] f32
// grid  one invocation per PER rows of a vec4 of channels, neighbours along the channels: its factors are made once
// err   none here: the binding checks that epsilon > 0
// src   Ioffe & Szegedy 2015, alg. 2 (evaluation mode)
// twin  services/engine/reference/norm/batch-grad-eval.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // rows per invocation

struct Params {
  rows: u32,
  quads: u32,                               // C / 4
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> variance: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

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
    dx[i] = dy[i] * scale;
  }
}
