import type { Node } from '../../node.ts';

/** What a Relu or Clip lets through. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Bounds of a Relu or Clip; Clip before opset 11 has them as attributes. `scalars` from `readScalars`. */
export function clampBounds(node: Node, scalars: ReadonlyMap<string, number>): Bounds {
  if (node.op === 'Relu') return { min: 0, max: Number.POSITIVE_INFINITY };
  return {
    min: scalars.get(node.inputs[1] ?? '') ?? node.float('min', Number.NEGATIVE_INFINITY),
    max: scalars.get(node.inputs[2] ?? '') ?? node.float('max', Number.POSITIVE_INFINITY),
  };
}
