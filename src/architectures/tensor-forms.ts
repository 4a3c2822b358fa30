import { rowCountOf, type TensorSource } from '../files/index.ts';
import { affineTensor, type BandSlot, reorderedVector, transposedTensor } from './computed-tensors.ts';
import type { ModelFacts } from './family.ts';
import { gatheredRows, renamed } from './gathered-rows.ts';

/** Sizes that count parts of a tensor: heads or experts. */
type PartCount = 'heads' | 'keyHeads' | 'experts';

/** How a tensor of GGUF is made of tensors of the checkpoint; `{layer}` stands for the layer. */
export type TensorForm =
  /** As it is. */
  | { readonly kind: 'same'; readonly from: string }
  /** Output rows of queries or keys, from transformers' rotary layout to the interleaved one where the graph wants it. */
  | { readonly kind: 'rotary'; readonly from: string; readonly heads: PartCount }
  /** One tensor for each head or expert, `{part}` in the name, as one with an axis more. */
  | { readonly kind: 'stacked'; readonly from: string; readonly over: PartCount }
  /** The first or second half of the rows, of each expert where there are several. */
  | { readonly kind: 'half'; readonly from: string; readonly half: 0 | 1 }
  /** Rows and columns change places. */
  | { readonly kind: 'transposed'; readonly from: string }
  /** (value + add) * multiply. */
  | {
      readonly kind: 'affine';
      readonly from: string;
      readonly add?: number;
      readonly multiply?: (facts: ModelFacts) => number;
    };

type Kind = TensorForm['kind'];
type FormOf<K extends Kind> = Extract<TensorForm, { kind: K }>;

export interface FormInput<K extends Kind = Kind> {
  readonly form: FormOf<K>;
  readonly facts: ModelFacts;
  /** Of the result. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The tensors of the checkpoint, checked for their shapes. */
  readonly parts: readonly TensorSource[];
  readonly slot: BandSlot;
}

interface FormRow<K extends Kind> {
  /** The shape that each tensor of the checkpoint must have for a result of this shape. */
  readonly stored: (shape: readonly number[]) => readonly number[];
  readonly make: (input: FormInput<K>) => TensorSource;
}

const asIs = (shape: readonly number[]) => shape;

const rows: { readonly [K in Kind]: FormRow<K> } = {
  same: { stored: asIs, make: ({ parts, name, shape }) => renamed(parts[0]!, name, shape) },

  rotary: {
    stored: asIs,
    make({ form, facts, parts, name, shape }) {
      const tensor = parts[0]!;
      if (facts.family.rope?.layout !== 'interleaved') return renamed(tensor, name, shape);
      const perHead = shape[0]! / facts.sizes.get(form.heads);
      // Row 2j of a head is row j of its first half, row 2j + 1 row j of its second.
      const order = (row: number) => {
        const within = row % perHead;
        return row - within + (within % 2) * (perHead / 2) + Math.floor(within / 2);
      };
      if (shape.length === 1) return reorderedVector(tensor, name, shape, order);
      return gatheredRows({
        name,
        shape,
        like: tensor,
        runs: (from, to) =>
          Array.from({ length: to - from }, (_, i) => {
            const row = order(from + i);
            return { tensor, from: row, to: row + 1 };
          }),
      });
    },
  },

  stacked: {
    stored: (shape) => shape.slice(1),
    make({ parts, name, shape }) {
      const height = rowCountOf(shape) / parts.length;
      return gatheredRows({
        name,
        shape,
        like: parts[0]!,
        runs: (from, to) =>
          cut(from, to, height, (part, first, last) => ({ tensor: parts[part]!, from: first, to: last })),
      });
    },
  },

  half: {
    stored: (shape) => shape.with(-2, 2 * shape.at(-2)!),
    make({ form, parts, name, shape }) {
      const tensor = parts[0]!;
      const height = shape.at(-2)!;
      return gatheredRows({
        name,
        shape,
        like: tensor,
        runs: (from, to) =>
          cut(from, to, height, (part, first, last) => {
            const start = (2 * part + form.half) * height;
            return { tensor, from: start + first, to: start + last };
          }),
      });
    },
  },

  transposed: {
    stored: (shape) => shape.toReversed(),
    make: ({ parts, name, shape, slot }) => transposedTensor(parts[0]!, name, shape, slot),
  },

  affine: {
    stored: asIs,
    make({ form: { add = 0, multiply }, facts, parts, name, shape }) {
      const factor = multiply?.(facts) ?? 1;
      if (add === 0 && factor === 1) return renamed(parts[0]!, name, shape);
      return affineTensor(parts[0]!, name, shape, { add, multiply: factor });
    },
  },
};

/** Rows [from, to) of parts that are `height` rows high each, part by part. */
function cut<T>(
  from: number,
  to: number,
  height: number,
  run: (part: number, first: number, last: number) => T,
): T[] {
  const runs: T[] = [];
  for (let row = from; row < to; ) {
    const part = Math.floor(row / height);
    const end = Math.min(to, (part + 1) * height);
    runs.push(run(part, row - part * height, end - part * height));
    row = end;
  }
  return runs;
}

export const storedShape = (form: TensorForm, shape: readonly number[]): readonly number[] =>
  rows[form.kind].stored(shape);

export function makeTensor<K extends Kind>(input: FormInput<K>): TensorSource {
  return (rows[input.form.kind as K] as FormRow<K>).make(input);
}

export const same = (from: string): TensorForm => ({ kind: 'same', from });
export const rotary = (from: string, heads: PartCount): TensorForm => ({ kind: 'rotary', from, heads });
export const stacked = (from: string, over: PartCount): TensorForm => ({ kind: 'stacked', from, over });
export const half = (from: string, which: 0 | 1): TensorForm => ({ kind: 'half', from, half: which });
export const transposed = (from: string): TensorForm => ({ kind: 'transposed', from });
/** Gemma stores what its norms add to one. */
export const plusOne = (from: string): TensorForm => ({ kind: 'affine', from, add: 1 });
