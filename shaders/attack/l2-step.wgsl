// attack/l2-step — x ← x + direction·stepSize·g / (‖g‖₂ + 1e-10), per image
//
// in    gradient [n, m] f32               of what is ascended or descended, at x
//       gradientNorm [n] f32             ‖g‖₂ of each row (reduce/row-norm)
// out   x [n, m] f32, in place           not yet projected nor clipped: attack/l2-project follows
// grid  WG invocations · PER items each per workgroup; an item is a vec4 of a row, or one float where 4 does not divide m
// err   none here: the binding checks sizes and ranges
// src   torchattacks 3.5 PGDL2 (the 1e-10 is its `eps_for_division`)
// twin  services/engine/reference/attack/l2-step.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  n: u32,
  columns: u32,                             // items per row: m / 4, or m
  stepSize: f32,                            // l2 length in pixel units of [0, 1]
  direction: f32,                           // +1 ascends, -1 descends
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<Item>;
@group(0) @binding(2) var<storage, read> gradientNorm: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<Item>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    let row = i / params.columns;
    if (row >= params.n) { break; }
    x[i] += gradient[i] * (params.direction * params.stepSize / (gradientNorm[row] + 1e-10));
  }
}
