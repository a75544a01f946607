// matrix-unit — products of SIDE × SIDE blocks by the adapter's matrix units, one block per subgroup.
// The kernel declares Cell, the workgroup arrays slab_x, slab_w and block, and the pitches of the first two.
// src  the WGSL proposal gpuweb/proposals/subgroup-matrix.md as Dawn has it

alias Left = subgroup_matrix_left<Cell, ${SIDE}, ${SIDE}>;
alias Right = subgroup_matrix_right<Cell, ${SIDE}, ${SIDE}>;
alias Sum = subgroup_matrix_result<f32, ${SIDE}, ${SIDE}>;

fn load_left(at: u32, lane: u32) -> Left { return subgroupMatrixLoad<Left, row_major>(&slab_x, at, PITCH_X); }
fn load_right(at: u32, lane: u32) -> Right { return subgroupMatrixLoad<Right, row_major>(&slab_w, at, PITCH_W); }
fn multiplied(a: Left, b: Right, sum: Sum) -> Sum { return subgroupMatrixMultiplyAccumulate(a, b, sum); }
fn store(at: u32, sum: Sum, lane: u32) { subgroupMatrixStore<row_major>(&block, at, sum, ${SIDE}u); }
