// conv/narrow-grad-input-subgroup — dx[m, c] = finish( Σ_ky Σ_kx Σ_k dy[pixel(m, ky, kx), k] · w[ky, kx, c, k] ), filters 3×3, C ≤ 4
//
// in    dy [n, h, W, K] f32             gradient of the layer's output: stride 1, one pixel of padding all round
//       w [9, 4, K] f32                 the weight
//       bias [4], residual, mask as dx  read only where params.flags says so (lib/conv-epilogue)
// out   dx [n, h, W, 4] f32             gradient of the layer's input; lanes past CHANNELS are 0
// grid  one workgroup = one subgroup of SG lanes per 8·LOADS − 2 positions
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   transposed convolution, gathered; positions as in conv/filter-row-subgroup
// twin  services/engine/reference/conv/convolution-grad-input.ts
//
// The first layer, whose input every attack and attribution needs the gradient of. With so few channels the work is to read
// dy: here each lane reads a position once per filter row and multiplies it with all three taps of the row. What a tap
// makes of a position belongs to its neighbour: lanes pass it on once, at the end.

enable subgroups;

struct Params {
  rows: u32,                                // n · h
  width: u32,                               // W
  h: u32,
  k4: u32,
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
//#if DY_TEXTURE
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
fn dy_at(i: u32) -> vec4f { return texel(dy, i); }
//#else
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
fn dy_at(i: u32) -> vec4f { return dy[i]; }
//#end
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

// The value that lies `by` positions after this lane's: `here` holds this lane's eight, `next` the eight after them.
fn shifted(here: f32, next: f32, lane: u32, by: u32) -> f32 {
  let source = (lane + by) & ${SG - 1}u;
  return select(subgroupShuffle(next, source), subgroupShuffle(here, source), lane + by < ${SG}u);
}

@compute @workgroup_size(${SG})
fn main(@builtin(workgroup_id) group_id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let pitch = params.width + 1u;
  let first = flat_workgroup(group_id, groups) * ${SG * LOADS - 2}u;
  if (first >= params.rows * pitch) { return; }                     // uniform: the whole subgroup leaves

  // Lane l of load i brings position first − 1 + SG·i + l; before the first row it wraps round to something huge.
  //#for i in 0..LOADS
  let q${i} = first + ${i * SG}u + lane - 1u;
  let row${i} = q${i} / pitch;
  let column${i} = q${i} - row${i} * pitch;
  let y${i} = row${i} % params.h;
  let real${i} = (column${i} < params.width) & (row${i} < params.rows); // & not &&: no branches
  //#end
  //#for i in 0..LOADS
  //#for t in 0..3
  //#for c in 0..CHANNELS
  var sum${i}_${t}_${c} = 0.0;
  //#end
  //#end
  //#end

  var ky = 0u;
  var k = 0u;
  for (var turn = 0u; turn < 3u * params.k4; turn++) {
    // Lane l of load p brings the four weights of tap (SG·p + l) div CHANNELS and channel (SG·p + l) mod CHANNELS.
    //#for p in 0..Math.ceil(3 * CHANNELS / SG)
    let pair${p} = min(${p * SG}u + lane, ${3 * CHANNELS - 1}u);
    let w${p} = w[((ky * 3u + pair${p} / ${CHANNELS}u) * 4u + pair${p} % ${CHANNELS}u) * params.k4 + k];
    //#end
    //#for i in 0..LOADS
    let inside${i} = real${i} & (y${i} + 1u - ky < params.h);       // outside the image: wraps round to something huge
    let a${i} = select(vec4f(0.0), dy_at(select(0u, ((row${i} + 1u - ky) * params.width + column${i}) * params.k4 + k, inside${i})), inside${i});
    //#end
    //#for t in 0..3
    //#for c in 0..CHANNELS
    //#for j in 0..4
    let s${t}_${c}_${j} = subgroupBroadcast(w${Math.floor((t * CHANNELS + c) / SG)}.${"xyzw"[j]}, ${(t * CHANNELS + c) % SG}u);
    //#end
    //#for i in 0..LOADS
    //#for j in 0..4
    sum${i}_${t}_${c} = fma(a${i}.${"xyzw"[j]}, s${t}_${c}_${j}, sum${i}_${t}_${c});
    //#end
    //#end
    //#end
    //#end
    k += 1u;
    let wrap = k == params.k4;
    k = select(k, 0u, wrap);
    ky = select(ky, ky + 1u, wrap);
  }

  // Output 8·i + l is position first + 8·i + l, one after the source of the same number: tap t reached it from source 8·i + l + 2 − t.
  //#for i in 0..LOADS
  {
    let row = (first + ${i * SG}u + lane) / pitch;
    let column = first + ${i * SG}u + lane - row * pitch;
    var sum = initial(0u);
    //#for c in 0..CHANNELS
    sum.${"xyzw"[c]} += shifted(sum${i}_0_${c}, sum${Math.min(i + 1, LOADS - 1)}_0_${c}, lane, 2u) + shifted(sum${i}_1_${c}, sum${Math.min(i + 1, LOADS - 1)}_1_${c}, lane, 1u) + sum${i}_2_${c};
    //#end
    let at = row * params.width + column;
    if ((${i * SG}u + lane < ${SG * LOADS - 2}u) & (column < params.width) & (row < params.rows)) { dx[at] = finish(sum, at); }
  }
  //#end
}
