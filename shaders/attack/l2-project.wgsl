// attack/l2-project — x ← clip_[low,high]( x0 + (x - x0)·min(1, ε / ‖x - x0‖₂) ), per image
//
// in    x0 [n, m] f32                     the clean images, in [low, high]
//       deltaNorm [n] f32                 ‖x - x0‖₂ of each row (reduce/row-norm)
// out   x [n, m] f32, in place           ‖x - x0‖₂ ≤ ε up to rounding: the clip only shortens, since x0 is inside
// grid  WG invocations · PER items each per workgroup; an item is a vec4 of a row, or one float where 4 does not divide m
// err   none here: the binding checks sizes and ranges
// src   torchattacks 3.5 PGDL2: step, project, clip
// twin  services/engine/reference/attack/l2-project.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  n: u32,
  columns: u32,                             // items per row: m / 4, or m
  epsilon: f32,                             // l2 radius in pixel units of [0, 1]
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<Item>;
@group(0) @binding(2) var<storage, read> deltaNorm: array<f32>;
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
    let norm = deltaNorm[row];
    let shrink = select(1.0, params.epsilon / norm, norm > params.epsilon);
    x[i] = clamp(x0[i] + (x[i] - x0[i]) * shrink, Item(params.low), Item(params.high));
  }
}
