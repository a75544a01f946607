// reduce/sort-chunk — sorts (or finishes merging) each chunk of CHUNK neighbouring columns of a row, ascending, in workgroup memory
//
// in    params only; the rows are changed in place
// out   keys [n, m] u32, in place        f32 bits on the way in when encode is 1 or 2, on the way out when decode is 1
//       order [n, m] u32, in place       only with PAIR: what travels with each key and breaks ties; starts as the column
// grid  one workgroup per chunk, n · perRow of them
// err   none here: the binding checks sizes. Keys are integers, so NaN cannot break the order (lib/sort-key)
// src   Batcher 1968 (bitonic merge), in the form whose comparators all point up: columns beyond m then act as +infinity and
//       never move, so rows need no padding
// twin  services/engine/reference/reduce/sort-chunk.ts

override WG: u32 = 64;                      // invocations per chunk

struct Params {
  n: u32,
  m: u32,
  perRow: u32,                              // chunks per row, ceil(m / CHUNK)
  size: u32,                                // columns compared with each other; a power of two ≤ CHUNK
  merge: u32,                               // 0 sorts; 1 the chunk is bitonic already, only the last merge is left
  encode: u32,                              // 0 keys as they are; 1 f32 ascending; 2 f32 descending; 3 u32 descending
  decode: u32,                              // 1 writes f32 bits back (ascending f32 only)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
//#if PAIR
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
//#end

var<workgroup> key: array<u32, ${CHUNK}>;
//#if PAIR
var<workgroup> item: array<u32, ${CHUNK}>;
//#end

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let chunk = flat_workgroup(group, groups);
  if (chunk >= params.n * params.perRow) { return; }
  let row = chunk / params.perRow;
  let start = (chunk - row * params.perRow) * ${CHUNK}u;
  let first = row * params.m + start;
  let count = min(${CHUNK}u, params.m - start);
  for (var i = local.x; i < params.size; i += WG) { load(i, first, start, count); }
  if (params.merge == 0u) {
    for (var span = 2u; span <= params.size; span *= 2u) { exchange_all(local.x, span / 2u, true); merge(local.x, span / 2u); }
  } else {
    merge(local.x, params.size);
  }
  workgroupBarrier();
  for (var i = local.x; i < count; i += WG) {
    keys[first + i] = select(key[i], key_float(key[i]), params.decode != 0u);
    //#if PAIR
    order[first + i] = item[i];
    //#end
  }
}

fn load(i: u32, first: u32, start: u32, count: u32) {
  let inside = i < count;
  let bits = keys[first + min(i, count - 1u)];
  var k = bits;
  switch (params.encode) {
    case 1u: { k = float_key(bits); }
    case 2u: { k = ~float_key(bits); }
    case 3u: { k = ~bits; }
    default: {}
  }
  key[i] = select(0xffffffffu, k, inside);
  //#if PAIR
  let place = select(order[first + min(i, count - 1u)], start + i, params.encode != 0u);
  item[i] = select(0xffffffffu, place, inside);
  //#end
}

// Comparators over halving distances inside blocks of `span` columns.
fn merge(lane: u32, span: u32) {
  for (var half = span / 2u; half > 0u; half /= 2u) { exchange_all(lane, half, false); }
}

// One layer of comparators: column i of the lower half of each block of 2·half with column i of the upper half, or (flip)
// with its mirror image, which turns two ascending halves into a bitonic pair.
fn exchange_all(lane: u32, half: u32, flip: bool) {
  workgroupBarrier();
  for (var t = lane; t < params.size / 2u; t += WG) {
    let offset = t & (half - 1u);
    let i = 2u * t - offset;
    let j = select(i + half, i + 2u * (half - offset) - 1u, flip);
    let a = key[i];
    let b = key[j];
    //#if PAIR
    let p = item[i];
    let q = item[j];
    if (a > b || (a == b && p > q)) { key[i] = b; key[j] = a; item[i] = q; item[j] = p; }
    //#else
    if (a > b) { key[i] = b; key[j] = a; }
    //#end
  }
}
