// conv/gather-columns — dx[p, i] = finish( Σ_{taps t that reach p} columns[pixel(p, t), t·c + i] )
//
// in    columns [n·oh·ow, pitch] f32    columns = dy · wT (conv/column-weight): each output pixel's gradients of its window
//       bias [4], residual, mask as dx, read only where params.flags says so (lib/conv-epilogue)
// out   dx [n, h, w, 4] f32             c ≤ 4 channels; lanes past c become finish(0), which is 0
// grid  one invocation per PIXELS neighbouring pixels of a row of dx, 8 per workgroup
// err   none here: the binding checks sizes
// src   Chellapilla et al. 2006, transposed (col2im): an output pixel reaches iy by tap ky where oy·stride = iy + padding − ky
// twin  services/engine/reference/conv/gather-columns.ts
//
// The taps of a pixel are added in their order, so its bits depend on its own image alone. CHANNELS is c.

struct Params {
  rows: u32,                                // n · h
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,                                 // padding
  left: u32,
  kh: u32,
  kw: u32,
  taps_y: u32,                              // most taps that reach a pixel: kh / stride_y and kw / stride_x, rounded up
  taps_x: u32,
  pitch: u32,                               // floats per row of columns
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> columns: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read> mask: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let per_row = (params.w + ${PIXELS - 1}u) / ${PIXELS}u;
  let i = flat_workgroup(group, groups) * 8u + local.x;
  let row = i / per_row;
  if (row >= params.rows) { return; }
  let first = (i - row * per_row) * ${PIXELS}u;
  let image = row / params.h;
  let y = row - image * params.h + params.top;
  let oy = y / params.stride_y;                                     // the output row that the first tap, ky, comes from
  let ky = y - oy * params.stride_y;
  let ox0 = (first + params.left) / params.stride_x;
  let kx0 = first + params.left - ox0 * params.stride_x;
  let start = initial(0u);
  var sum0 = start;
  //#for p in 1..PIXELS
  let wrap${p} = kx${p - 1} + 1u == params.stride_x;
  let ox${p} = select(ox${p - 1}, ox${p - 1} + 1u, wrap${p});
  let kx${p} = select(kx${p - 1} + 1u, 0u, wrap${p});
  var sum${p} = start;
  //#end

  // As ky grows by one stride, oy falls by one. Below 0 it wraps round to something huge.
  let taps = params.taps_y * params.taps_x;
  var ty = 0u;
  var tx = 0u;
  for (var t = 0u; t < taps; t++) {
    let tap_y = ky + ty * params.stride_y;
    let row_inside = (tap_y < params.kh) & (oy - ty < params.oh);   // & not &&: no branches
    let line = (image * params.oh + oy - ty) * params.ow;
    //#for p in 0..PIXELS
    let tap_x${p} = kx${p} + tx * params.stride_x;
    let inside${p} = row_inside & (tap_x${p} < params.kw) & (ox${p} - tx < params.ow);
    let from${p} = select(0u, (line + ox${p} - tx) * params.pitch + (tap_y * params.kw + tap_x${p}) * ${CHANNELS}u, inside${p});
    //#for c in 0..CHANNELS
    sum${p}.${"xyzw"[c]} += select(0.0, columns[from${p} + ${c}u], inside${p});
    //#end
    //#end
    tx += 1u;
    let wrap = tx == params.taps_x;
    tx = select(tx, 0u, wrap);
    ty = select(ty, ty + 1u, wrap);
  }

  let to = row * params.w + first;
  //#for p in 0..PIXELS
  if (first + ${p}u < params.w) { dx[to + ${p}u] = finish(sum${p}, to + ${p}u); }
  //#end
}
