// optim/adamw — one step of Adam with decoupled weight decay, in place
//
//   m = beta1 · m + (1 − beta1) · g;  v = beta2 · v + (1 − beta2) · g²
//   w −= learning_rate · ( weight_decay · w + (m / correction1) / (√(v / correction2) + epsilon) )
//
// in    g [n] f32                        gradient of the loss
// out   w, m, v [n] f32                  in place; m and v start as 0; padding lanes 0 stay 0
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes and ranges
// src   Loshchilov & Hutter 2019, alg. 2; PyTorch optim.AdamW (decay is multiplied by the learning rate)
// twin  services/engine/reference/optim/adamw.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n / 4)
  learning_rate: f32,
  beta1: f32,
  beta2: f32,
  take1: f32,                               // 1 − beta1, made on the host: in f32 1 − 0.999 is off by 5e-5 of itself
  take2: f32,                               // 1 − beta2
  epsilon: f32,
  weight_decay: f32,
  correction1: f32,                         // 1 − beta1^t, t = 1 in the first step
  correction2: f32,                         // 1 − beta2^t
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) {
      let gradient = g[i];
      let first = params.beta1 * m[i] + params.take1 * gradient;
      let second = params.beta2 * v[i] + params.take2 * gradient * gradient;
      m[i] = first;
      v[i] = second;
      let step = (first / params.correction1) / (sqrt(second / params.correction2) + params.epsilon);
      w[i] -= params.learning_rate * (params.weight_decay * w[i] + step);
    }
  }
}
