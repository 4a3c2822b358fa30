/** How the rows of a tensor are cut into tiles. Plain numbers: a worker thread gets them by copy. */
export interface TileShape {
  readonly rowLength: number;
  /** Bytes of a row as it is stored, and as it will be. */
  readonly fromBytes: number;
  readonly toBytes: number;
  /** Rows that share column weights: a tile does not cross their end. */
  readonly groupRows: number;
  readonly tileRows: number;
  /** Tiles of one group, and of the tensor. */
  readonly groupTiles: number;
  readonly tiles: number;
}

/** Rows [from, to) of one tile, and the group they belong to. */
export interface TileRows {
  readonly from: number;
  readonly to: number;
  readonly group: number;
}

export function tileRowsOf(shape: TileShape, tile: number): TileRows {
  const group = Math.floor(tile / shape.groupTiles);
  const first = group * shape.groupRows;
  const from = first + (tile % shape.groupTiles) * shape.tileRows;
  return { from, to: Math.min(from + shape.tileRows, first + shape.groupRows), group };
}
