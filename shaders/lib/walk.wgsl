// walk — steps through up to six axes in row-major order and keeps where each element lies in two strided tensors.
// src  services/engine/kernels/tensor/walk.ts, which joins axes and writes the params; an odometer, so that a step costs no
//      division. Needs `override RANK` (axes that are counted, the innermost ones) and Params d0…d5 (sizes), a0…a5, b0…b5
//      (strides in elements, modulo 2^32).

var<private> walk_offset: vec2u;            // of the current element in tensors a and b
var<private> walk_c1: u32;                  // its coordinates
var<private> walk_c2: u32;
var<private> walk_c3: u32;
var<private> walk_c4: u32;
var<private> walk_c5: u32;

fn walk_to(index: u32) {
  var rest = index;
  walk_c5 = rest % params.d5;
  rest /= params.d5;
  walk_offset = walk_c5 * vec2u(params.a5, params.b5);
  if (RANK > 1u) { walk_c4 = rest % params.d4; rest /= params.d4; walk_offset += walk_c4 * vec2u(params.a4, params.b4); }
  if (RANK > 2u) { walk_c3 = rest % params.d3; rest /= params.d3; walk_offset += walk_c3 * vec2u(params.a3, params.b3); }
  if (RANK > 3u) { walk_c2 = rest % params.d2; rest /= params.d2; walk_offset += walk_c2 * vec2u(params.a2, params.b2); }
  if (RANK > 4u) { walk_c1 = rest % params.d1; rest /= params.d1; walk_offset += walk_c1 * vec2u(params.a1, params.b1); }
  if (RANK > 5u) { walk_offset += rest * vec2u(params.a0, params.b0); }
}

fn walk_next() {
  walk_c5 += 1u;
  walk_offset += vec2u(params.a5, params.b5);
  if (RANK == 1u || walk_c5 < params.d5) { return; }
  walk_c5 = 0u;
  walk_c4 += 1u;
  walk_offset += vec2u(params.a4, params.b4) - params.d5 * vec2u(params.a5, params.b5);
  if (RANK == 2u || walk_c4 < params.d4) { return; }
  walk_c4 = 0u;
  walk_c3 += 1u;
  walk_offset += vec2u(params.a3, params.b3) - params.d4 * vec2u(params.a4, params.b4);
  if (RANK == 3u || walk_c3 < params.d3) { return; }
  walk_c3 = 0u;
  walk_c2 += 1u;
  walk_offset += vec2u(params.a2, params.b2) - params.d3 * vec2u(params.a3, params.b3);
  if (RANK == 4u || walk_c2 < params.d2) { return; }
  walk_c2 = 0u;
  walk_c1 += 1u;
  walk_offset += vec2u(params.a1, params.b1) - params.d2 * vec2u(params.a2, params.b2);
  if (RANK == 5u || walk_c1 < params.d1) { return; }
  walk_c1 = 0u;
  walk_offset += vec2u(params.a0, params.b0) - params.d1 * vec2u(params.a1, params.b1);
}
