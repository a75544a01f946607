// gemm-reduction — how the tiled implicit GEMMs walk the flat list of (tap, c), and where their rows lie in the output.
// Needs the kernel's `params` (services/engine/kernels/conv/implicit-gemm.ts).

const FAR = 0x3fffffff;                     // a pixel coordinate outside of any image, also when two are added

// Element `quad` of the list, in vec4: (c, tx, ty).
fn position(quad: u32) -> vec3u {
  let t = quad / params.c4;
  let across = max(params.taps_x, 1u);
  return vec3u(quad % params.c4, t % across, t / across);
}

// position(a + b) of position(a) and position(b), without a division.
fn advanced(at: vec3u, step: vec3u) -> vec3u {
  let c = at.x + step.x;
  let wrap_c = c >= params.c4;
  let tx = at.y + step.y + select(0u, 1u, wrap_c);
  let wrap_x = tx >= params.taps_x;
  return vec3u(select(c, c - params.c4, wrap_c), select(tx, tx - params.taps_x, wrap_x), at.z + step.z + select(0u, 1u, wrap_x));
}

// The pixel of y that row m is. An output that is not strided is the grid itself.
fn output_pixel(m: u32) -> u32 {
  if (params.out_step_y * params.out_step_x == 1u) { return m; }
  let q = m / params.grid_w;
  return (q / params.grid_h * params.out_h + q % params.grid_h * params.out_step_y + params.out_y) * params.out_w + m % params.grid_w * params.out_step_x + params.out_x;
}
