// loss/softmax-cross-entropy — loss[i] = log( sum_j exp(f_j − f_label) ), f = logits[i]
//
// in    logits [n, K] f32                finite; lanes from k on are not read
//       labels [n] u32                   in [0, k); a larger one counts as k − 1, so nothing outside is read
// out   loss [n] f32                     nats, ≥ 0
// grid  one invocation per image: an image's bits do not depend on the batch; WG images per workgroup
// err   none here: the binding checks sizes
// src   PyTorch nn.CrossEntropyLoss with reduction "none"
// twin  services/engine/reference/loss/softmax-cross-entropy.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  k: u32,
  stride: u32,                              // K = k rounded up to 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

// log(1 + t) for t ≥ 0 without losing a small t in the sum (an image the model is sure of).
fn log_one_plus(t: f32) -> f32 {
  if (t > 0.015625) { return log(1.0 + t); }
  return t * (1.0 - t * (0.5 - t * (0.33333334 - t * 0.25))); // the next term is below 2^-26 of t
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.n) { return; }
  let row = i * params.stride;
  let label = min(labels[i], params.k - 1u);
  var top = logits[row];
  for (var j = 1u; j < params.k; j++) { top = max(top, logits[row + j]); }
  var others = 0.0;                         // sum over j ≠ label of exp(f_j − top)
  for (var j = 0u; j < params.k; j++) {
    if (j != label) { others += exp(logits[row + j] - top); }
  }
  let below = logits[row + label] - top;    // ≤ 0
  if (below == 0.0) { loss[i] = log_one_plus(others); } else { loss[i] = log(others + exp(below)) - below; }
}
