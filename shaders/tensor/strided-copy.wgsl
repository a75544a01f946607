// tensor/strided-copy — y[yStart + Σ c·b] = x[xStart + Σ c·a] for all coordinates c of up to six axes
//
// in    x f32                            read where the strides a0…a5 lead
// out   y f32                            written where the strides b0…b5 lead; the rest keeps what it had
// grid  one invocation per PER consecutive items of the walk; an item is a vec4 where both tensors allow it, else one float
// err   none here: the binding checks that both walks stay inside their tensors
// src   NumPy's strides: transposition, repetition, slices and concatenation are copies between strided views
// twin  services/engine/reference/tensor/strided-copy.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // items per invocation, one after the other: a step costs no division
override RANK: u32 = 6;                     // axes that the walk counts

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  items: u32,
  xStart: u32,                              // starts and strides in items
  yStart: u32,
//#for i in 0..6
  d${i}: u32,                               // lib/walk: sizes
//#end
//#for i in 0..6
  a${i}: u32,                               // strides in x
//#end
//#for i in 0..6
  b${i}: u32,                               // strides in y
//#end
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read_write> y: array<Item>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = (flat_workgroup(group, groups) * WG + local.x) * PER;
  if (first >= params.items) { return; }
  walk_to(first);
  for (var i = first; i < min(first + PER, params.items); i++) {
    y[params.yStart + walk_offset.y] = x[params.xStart + walk_offset.x];
    walk_next();
  }
}
