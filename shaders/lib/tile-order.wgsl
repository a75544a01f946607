// tile-order — walks a grid of tiles in bands, so that what neighbouring tiles read is still in a cache.

const BAND = ${BAND}u;

// Tile number `index` of a grid of `rows` × `columns` as (row, column): BAND rows of a column, the next column, and so on.
fn banded(index: u32, rows: u32, columns: u32) -> vec2u {
  let band = index / (BAND * columns);
  let height = min(BAND, rows - band * BAND);
  let rest = index - band * BAND * columns;
  return vec2u(band * BAND + rest % height, rest / height);
}
