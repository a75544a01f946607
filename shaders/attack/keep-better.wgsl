// attack/keep-better — where candidateScore_i > bestScore_i: best_i ← candidate_i and bestScore_i ← candidateScore_i
//
// in    candidate [n, m] f32             images just tried
//       candidateScore [n] f32           higher is better for the attacker; NaN is never better
// out   best [n, m] f32, in place        the best image so far
//       bestScore [n] f32, in place      its score
// grid  one workgroup per image: invocation 0 alone reads and writes the scores, so no one sees half an update
// err   none here: the binding checks sizes
// src   Madry et al. 2018 (restarts keep the worst case)
// twin  services/engine/reference/attack/keep-better.ts

override WG: u32 = 64;                      // invocations per row

struct Params {
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> candidate: array<f32>;
@group(0) @binding(2) var<storage, read> candidateScore: array<f32>;
@group(0) @binding(3) var<storage, read_write> best: array<f32>;
@group(0) @binding(4) var<storage, read_write> bestScore: array<f32>;

var<workgroup> better: u32;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = flat_workgroup(group, groups);
  if (row >= params.n) { return; }
  if (local.x == 0u) {
    let score = candidateScore[row];
    let nan = (bitcast<u32>(score) & 0x7fffffffu) > 0x7f800000u; // by its bits: comparisons may assume there are none
    better = select(0u, 1u, !nan && score > bestScore[row]);
    if (better == 1u) { bestScore[row] = score; }
  }
  if (workgroupUniformLoad(&better) == 0u) { return; }
  for (var c = local.x; c < params.m; c += WG) { best[row * params.m + c] = candidate[row * params.m + c]; }
}
