// attribution/noise-point — y[j] = x + scale·z_j, x the image that row j belongs to
//
// in    x [images, m] f32                 images
//       sourceRow [n] u32                 image of each row, < images
//       noise [n, m] f32                  z, one row per sample
// out   y [n, m] f32                     noisy copies, not clipped: the gradient is wanted there even outside [0, 1]
// grid  WG invocations · PER items each per workgroup; an item is a vec4 of a row, or one float where 4 does not divide m
// err   none here: the binding checks sizes; an image number beyond the last reads the last
// src   Smilkov et al. 2017 (SmoothGrad), eq. 1; Captum NoiseTunnel does not clip either
// twin  services/engine/reference/attribution/noise-point.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  n: u32,
  columns: u32,                             // items per row: m / 4, or m
  images: u32,
  scale: f32,                               // standard deviation if z is standard normal
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> sourceRow: array<u32>;
@group(0) @binding(3) var<storage, read> noise: array<Item>;
@group(0) @binding(4) var<storage, read_write> y: array<Item>;

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
    let at = min(sourceRow[row], params.images - 1u) * params.columns + (i - row * params.columns);
    y[i] = x[at] + params.scale * noise[i];
  }
}
