// matrix-batch — which matrix of a batch a workgroup of matmul/* works on, and where it lies. Needs the kernel's `params`.
// src  services/engine/kernels/matmul/product.ts

struct Place { matrix: u32, row: u32, column: u32 }
struct Origin { a: u32, b: u32, first: u32, end: u32 }

// Matrices of the output: those of the batch, once for each slice of the inner axis.
fn matrices() -> u32 { return params.slices * params.size0 * params.size1 * params.size2 * params.size3; }

// Tile number `index` as its matrix, first row and first column; tiles of the same columns are neighbours.
fn place_of(index: u32, rows: u32, columns: u32) -> Place {
  let down = (params.m + rows - 1u) / rows;
  let across = (params.n + columns - 1u) / columns;
  let matrix = index / (down * across);
  let tile = index - matrix * (down * across);
  return Place(matrix, tile % down * rows, tile / down * columns);
}

// First elements of a matrix of the output in a and b, and the steps of the inner axis that it sums.
fn origin(matrix: u32) -> Origin {
  let i3 = matrix % params.size3;
  let rest3 = matrix / params.size3;
  let i2 = rest3 % params.size2;
  let rest2 = rest3 / params.size2;
  let i1 = rest2 % params.size1;
  let rest1 = rest2 / params.size1;
  let i0 = rest1 % params.size0;
  let first = rest1 / params.size0 * params.slice_k;
  return Origin(
    i0 * params.a_step0 + i1 * params.a_step1 + i2 * params.a_step2 + i3 * params.a_step3 + first * params.a_column,
    i0 * params.b_step0 + i1 * params.b_step1 + i2 * params.b_step2 + i3 * params.b_step3 + first * params.b_row,
    first, min(first + params.slice_k, params.k),
  );
}
