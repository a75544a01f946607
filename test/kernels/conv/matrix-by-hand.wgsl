// matrix-by-hand — lib/matrix-unit without matrix units: each of 32 lanes sums its share of a block's elements. It lets
// any adapter run the kernel around the units.

struct Left { at: u32, lane: u32 }
struct Right { at: u32, lane: u32 }
struct Sum { cells: array<f32, ${SIDE * SIDE / 32}> }

// The constant, which the compiler cannot know: it would unroll every loop, for every block of the tile.
fn hidden(n: u32) -> u32 { return n + (params.flags >> 31u); }

fn load_left(at: u32, lane: u32) -> Left { return Left(at, lane); }
fn load_right(at: u32, lane: u32) -> Right { return Right(at, lane); }
fn multiplied(a: Left, b: Right, sum: Sum) -> Sum {
  var next = sum;
  for (var e = 0u; e < hidden(${SIDE * SIDE / 32}u); e++) {
    let cell = e * 32u + a.lane;
    var total = next.cells[e];
    for (var z = 0u; z < hidden(${SIDE}u); z++) {
      total = fma(f32(slab_x[a.at + cell / ${SIDE}u * PITCH_X + z]), f32(slab_w[b.at + z * PITCH_W + cell % ${SIDE}u]), total);
    }
    next.cells[e] = total;
  }
  return next;
}
fn store(at: u32, sum: Sum, lane: u32) {
  for (var e = 0u; e < hidden(${SIDE * SIDE / 32}u); e++) { block[at + e * 32u + lane] = sum.cells[e]; }
}
