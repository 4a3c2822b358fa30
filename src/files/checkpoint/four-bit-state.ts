/** What bitsandbytes keeps beside the tensors of a 4-bit weight, as JSON in a tensor of bytes. */
export interface FourBitState {
  readonly kind: 'nf4' | 'fp4';
  readonly blockSize: number;
  /** Element type of the weight before. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Scales that are codes themselves: values of a block, and what was taken off them. */
  readonly nested?: { readonly blockSize: number; readonly offset: number };
}

/** Endings of the names of the parts, after the name of the weight. */
export const fourBitNames = {
  absmax: '.absmax',
  map: '.quant_map',
  nestedAbsmax: '.nested_absmax',
  nestedMap: '.nested_quant_map',
  state: (kind: string) => `.quant_state.bitsandbytes__${kind}`,
} as const;

/** The description as bitsandbytes writes it: same keys, order and spaces. */
export function fourBitStateBytes({ kind, blockSize, dtype, shape, nested }: FourBitState): Uint8Array {
  const entries: readonly (readonly [string, string])[] = [
    ['quant_type', JSON.stringify(kind)],
    ['blocksize', String(blockSize)],
    ['dtype', JSON.stringify(dtype)],
    ['shape', `[${shape.join(', ')}]`],
    ...(nested === undefined
      ? []
      : ([
          ['nested_blocksize', String(nested.blockSize)],
          ['nested_dtype', '"float32"'],
          ['nested_offset', JSON.stringify(nested.offset)],
        ] as const)),
  ];
  return new TextEncoder().encode(`{${entries.map(([key, value]) => `"${key}": ${value}`).join(', ')}}`);
}

/** What a description says; a sentence on what is wrong with it otherwise. */
export function readFourBitState(bytes: Uint8Array): FourBitState | string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return 'its quant_state is no JSON';
  }
  if (typeof json !== 'object' || json === null) return 'its quant_state is no object';
  const state = json as Readonly<Record<string, unknown>>;
  const { quant_type: kind, blocksize, dtype, shape, nested_offset: offset, nested_blocksize: inner } = state;
  const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  if (kind !== 'nf4' && kind !== 'fp4') return `its quant_type is ${JSON.stringify(kind)}, not nf4 or fp4`;
  if (!isSize(blocksize)) return `its blocksize is ${JSON.stringify(blocksize)}`;
  if (typeof dtype !== 'string') return `its dtype is ${JSON.stringify(dtype)}`;
  if (!Array.isArray(shape) || !shape.every(isSize)) return `its shape is ${JSON.stringify(shape)}`;
  const plain = { kind, blockSize: blocksize, dtype, shape } as const;
  if (offset === undefined) return plain;
  if (typeof offset !== 'number' || !Number.isFinite(offset))
    return `its nested_offset is ${JSON.stringify(offset)}`;
  if (!isSize(inner)) return `its nested_blocksize is ${JSON.stringify(inner)}`;
  return { ...plain, nested: { blockSize: inner, offset } };
}
