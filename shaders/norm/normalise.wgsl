// norm/normalise — y[n,p,c] = (image[n,c,p] − mean[c]) / deviation[c]: the first operator of every graph
//
// in    image [n, c·h·w] f32, dense NCHW, in [0, 1]
//       mean, deviation [C] f32          per channel, in pixel units of [0, 1]; padding lanes are not read
// out   y [n, h, w, C] f32, NHWC         padding lanes 0
// grid  one pixel at a time; WG invocations · PER pixels each per workgroup
// err   none here: deviation must not be 0 in the c real lanes (the graph checks its constants)
// src   torchvision transforms.Normalize
// twin  services/engine/reference/norm/normalise.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // pixels per invocation

struct Params {
  pixels: u32,                              // n · h · w
  area: u32,                                // h · w
  c: u32,
  quads: u32,                               // C / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> deviation: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn channel(start: u32, c: u32) -> f32 {
  if (c >= params.c) { return 0.0; }
  return (image[start + c * params.area] - mean[c]) / deviation[c];
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let pixel = base + j * WG;
    if (pixel < params.pixels) {
      let n = pixel / params.area;
      let start = n * params.c * params.area + pixel - n * params.area;
      for (var q = 0u; q < params.quads; q++) {
        let c = q * 4u;
        y[pixel * params.quads + q] = vec4f(channel(start, c), channel(start, c + 1u), channel(start, c + 2u), channel(start, c + 3u));
      }
    }
  }
}
