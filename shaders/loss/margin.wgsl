// loss/margin — y[i] = f_label − max over j ≠ label of f_j; prediction[i] = first j with the largest f_j; f = logits[i]
//
// in    logits [n, K] f32                finite; lanes from k on are not read
//       labels [n] u32                   in [0, k); a larger one counts as k − 1, so nothing outside is read
// out   y [n] f32                        > 0: right, < 0: wrong, 0: a tie with the label
//       prediction [n] u32               in [0, k)
// grid  one invocation per image; WG images per workgroup
// err   none here: the binding checks sizes and k ≥ 2
// src   Carlini & Wagner 2017, f_6 (with the sign turned); torch.argmax on the CPU takes the first maximum
// twin  services/engine/reference/loss/margin.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  k: u32,
  stride: u32,                              // K = k rounded up to 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> prediction: array<u32>;

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
  let own = logits[row + label];
  var top = logits[row];
  var first = 0u;
  var rival = logits[row + select(0u, 1u, label == 0u)];
  for (var j = 1u; j < params.k; j++) {
    let value = logits[row + j];
    if (value > top) { top = value; first = j; } // strictly: the first of equals stays
    if (j != label) { rival = max(rival, value); }
  }
  y[i] = own - rival;
  prediction[i] = first;
}
