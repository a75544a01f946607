// elementwise/binary-broadcast — y[i] = f(a[Σ c·a], b[Σ c·b]), c the coordinates of element i of y
//
// in    a, b f32                         read where the strides a0…a5 and b0…b5 lead; a stride of 0 repeats
// out   y [n] f32, row-major             may not alias a or b; may have other lanes after n in its last vec4
// grid  one invocation per PER consecutive vec4 of y
// err   none here: the binding checks that both walks stay inside their tensors
// src   NumPy's broadcasting; lib/binary
// twin  services/engine/reference/elementwise/binary.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // vec4 per invocation, one after the other: a step costs no division
override FN: u32 = 0;                       // which function
override RANK: u32 = 6;                     // axes that the walk counts

struct Params {
  n: u32,
//#for i in 0..6
  d${i}: u32,                               // lib/walk: sizes
//#end
//#for i in 0..6
  a${i}: u32,                               // strides in a
//#end
//#for i in 0..6
  b${i}: u32,                               // strides in b
//#end
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = (flat_workgroup(group, groups) * WG + local.x) * PER;
  let quads = (params.n + 3u) / 4u;
  if (first >= quads) { return; }
  walk_to(4u * first);
  for (var i = first; i < min(first + PER, quads); i++) {
    let p = walk_offset;
    walk_on(4u * i + 1u);
    let q = walk_offset;
    walk_on(4u * i + 2u);
    let r = walk_offset;
    walk_on(4u * i + 3u);
    let s = walk_offset;
    walk_on(4u * i + 4u);
    y[i] = binary(vec4f(a[p.x], a[q.x], a[r.x], a[s.x]), vec4f(b[p.y], b[q.y], b[r.y], b[s.y]));
  }
}

// To the element `next`, but never past the last one, whose place is inside both tensors.
fn walk_on(next: u32) {
  if (next < params.n) { walk_next(); }
}
