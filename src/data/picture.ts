/** What a model wants of a picture. */
export interface PictureRequest {
  /** Length of the shorter side, or [height, width]. */
  readonly resize?: number | readonly [number, number];
  /** Centre [height, width] that is cut out after that. */
  readonly crop?: readonly [number, number];
  readonly gray: boolean;
}

/** A decoded picture: bytes [height, width, channels], RGB or grey. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: Uint8Array;
}
