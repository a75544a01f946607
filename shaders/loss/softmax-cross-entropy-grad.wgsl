// loss/softmax-cross-entropy-grad — dlogits[i,j] = scale · (p_j − [j = label]), p = softmax(logits[i])
//
// in    logits [n, K] f32                finite; lanes from k on are not read
//       labels [n] u32                   in [0, k); a larger one counts as k − 1, so nothing outside is read
// out   dlogits [n, K] f32               a row sums to 0; padding lanes 0
// grid  one invocation per image: an image's bits do not depend on the batch; WG images per workgroup
// err   none here: the binding checks sizes
// src   PyTorch nn.CrossEntropyLoss; differs: p_label − 1 is minus the sum of the other probabilities, because the difference
//       rounds to 0 for an image the model is sure of and the signs that an l∞ attack takes from it are then wrong
// twin  services/engine/reference/loss/softmax-cross-entropy-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  k: u32,
  stride: u32,                              // K = k rounded up to 4
  scale: f32,                               // 1 for a sum over images, 1/n for their mean
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> dlogits: array<f32>;

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
  let factor = params.scale / (others + exp(logits[row + label] - top));
  for (var j = 0u; j < params.k; j++) {
    dlogits[row + j] = factor * select(exp(logits[row + j] - top), -others, j == label);
  }
  for (var j = params.k; j < params.stride; j++) { dlogits[row + j] = 0.0; }
}
