// norm/normalise-grad — dimage[n,c,p] = dy[n,p,c] / deviation[c]
//
// in    dy [n, h, w, C] f32, NHWC        gradient with respect to the normalised image
//       deviation [C] f32                per channel, in pixel units of [0, 1]; padding lanes are not read
// out   dimage [n, c·h·w] f32, dense NCHW
// grid  one pixel at a time; WG invocations · PER pixels each per workgroup
// err   none here: deviation must not be 0 in the c real lanes (the graph checks its constants)
// src   torchvision transforms.Normalize
// twin  services/engine/reference/norm/normalise-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // pixels per invocation

struct Params {
  pixels: u32,                              // n · h · w
  area: u32,                                // h · w
  c: u32,
  quads: u32,                               // C / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> deviation: array<f32>;
@group(0) @binding(3) var<storage, read_write> dimage: array<f32>;

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
        let gradient = dy[pixel * params.quads + q];
        for (var lane = 0u; lane < 4u; lane++) {
          let c = q * 4u + lane;
          if (c < params.c) { dimage[start + c * params.area] = gradient[lane] / deviation[c]; }
        }
      }
    }
  }
}
