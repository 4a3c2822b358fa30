import type { DType } from '../../../tensor/index.ts';
import type { Dim } from '../../value.ts';
import { broadcast, type Rule, type RuleContext, type RuleTable, type Type, unknownDims } from './rule.ts';

type Shape = readonly Dim[] | undefined;

/** NumPy's matmul: the last two axes multiply, the others broadcast, vectors lose their axis again. */
export function matmulShape(a: Shape, b: Shape): Shape {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined;
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
  if (batch === undefined) return undefined;
  const rows = a.length > 1 ? [a.at(-2)] : [];
  const columns = b.length > 1 ? [b.at(-1)] : [];
  return [...batch, ...rows, ...columns];
}

const matmul =
  (b: number, dtype: (c: RuleContext) => DType | undefined): Rule =>
  (c) => [{ dtype: dtype(c), shape: matmulShape(c.input(0).shape, c.input(b).shape) }];

const gemm =
  (b: number, dtype: (c: RuleContext) => DType | undefined): Rule =>
  (c) => {
    const [left, right] = [c.input(0).shape, c.input(b).shape];
    const rows = c.node.int('transA', 0) ? left?.[1] : left?.[0];
    const columns = c.node.int('transB', 0) ? right?.[0] : right?.[1];
    return [{ dtype: dtype(c), shape: [rows, columns] }];
  };

const fusedMatmul: Rule = (c) => {
  const flip = (shape: Shape, flag: string) =>
    shape && c.node.int(flag, 0) ? [...shape.slice(0, -2), shape.at(-1), shape.at(-2)] : shape;
  if (c.node.int('transBatchA', 0) || c.node.int('transBatchB', 0)) return [{ dtype: c.input(0).dtype }];
  const shape = matmulShape(flip(c.input(0).shape, 'transA'), flip(c.input(1).shape, 'transB'));
  return [{ dtype: c.input(0).dtype, shape }];
};

/** Weight-only products: the weight's columns are the attribute `N`. */
const packedMatmul: Rule = (c) => {
  const x = c.input(0);
  return [{ dtype: x.dtype, shape: x.shape && [...x.shape.slice(0, -1), c.node.int('N')] }];
};

/** Dimensions named by the letters of an equation; an ellipsis or a repeated letter is left unknown. */
const einsum: Rule = (c) => {
  const dtype = c.input(0).dtype;
  const equation = c.node.string('equation', '').replaceAll(' ', '');
  if (equation.includes('.')) return [{ dtype }];
  const [left = '', right] = equation.split('->');
  const sizes = new Map<string, Dim>();
  for (const [i, term] of left.split(',').entries()) {
    const shape = c.input(i).shape;
    [...term].forEach((letter, axis) => {
      const d = shape?.[axis];
      if (typeof sizes.get(letter) !== 'number') sizes.set(letter, d ?? sizes.get(letter));
    });
  }
  const letters = [...left.replaceAll(',', '')];
  const once = [...new Set(letters)].filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort();
  return [{ dtype, shape: (right === undefined ? once : [...right]).map((l) => sizes.get(l)) }];
};

const last = (t: Type) => t.shape?.at(-1);

/**
 * Attention of opset 23: [batch, heads, length, size] or [batch, length, heads * size] in the inputs, with
 * the keys and values of the past before the new ones.
 */
const attention: Rule = (c) => {
  const [q, k, v, pastKey, pastValue] = [0, 1, 2, 4, 5].map((i) => c.input(i)) as [
    Type,
    Type,
    Type,
    Type,
    Type,
  ];
  const dtype = q.dtype;
  if (q.shape === undefined) return [{ dtype }, { dtype: k.dtype }, { dtype: v.dtype }, { dtype }];
  const flat = q.shape.length === 3;
  const [qHeads, kvHeads] = [c.node.int('q_num_heads'), c.node.int('kv_num_heads')];
  const size = (t: Type) => {
    const d = last(t);
    return !flat ? d : typeof d === 'number' && kvHeads ? d / kvHeads : undefined;
  };
  const headSize = size(v);
  const keyHeads = flat ? kvHeads : k.shape?.[1];
  const length = flat ? k.shape?.[1] : k.shape?.[2];
  const past = pastKey.shape?.[2];
  const total = c.has(4)
    ? typeof length === 'number' && typeof past === 'number'
      ? length + past
      : undefined
    : length;
  const output = flat
    ? [
        q.shape[0],
        q.shape[1],
        typeof headSize === 'number' && qHeads !== undefined ? headSize * qHeads : undefined,
      ]
    : [q.shape[0], q.shape[1], q.shape[2], headSize];
  const heads = flat ? qHeads : q.shape[1];
  const rows = flat ? q.shape[1] : q.shape[2];
  return [
    { dtype, shape: output },
    { dtype: pastKey.dtype ?? k.dtype, shape: [q.shape[0], keyHeads, total, size(k)] },
    { dtype: pastValue.dtype ?? v.dtype, shape: [q.shape[0], keyHeads, total, headSize] },
    { dtype, shape: [q.shape[0], heads, rows, total] },
  ];
};

/** Contrib attention over projected inputs: the output has the width of the values. */
const multiHead: Rule = (c) => {
  const [q, v] = [c.input(0), c.input(2)];
  const width = c.has(2) && v.shape?.length === 3 ? last(v) : undefined;
  const shape = q.shape?.length === 3 ? [q.shape[0], q.shape[1], width] : undefined;
  return [{ dtype: q.dtype, shape }, { dtype: q.dtype }, { dtype: q.dtype }];
};

const groupQuery: Rule = (c) => {
  const q = c.input(0);
  const shape = q.shape && c.has(2) ? q.shape : q.shape && unknownDims(q.shape.length);
  return [{ dtype: q.dtype, shape }, { dtype: c.input(3).dtype }, { dtype: c.input(4).dtype }];
};

export const matmulRules: RuleTable = {
  MatMul: matmul(1, (c) => c.input(0).dtype ?? c.input(1).dtype),
  MatMulInteger: matmul(1, () => 'int32'),
  QLinearMatMul: matmul(3, (c) => c.input(7).dtype),
  'com.microsoft.MatMulIntegerToFloat': matmul(1, (c) => c.input(2).dtype),
  'com.microsoft.DynamicQuantizeMatMul': matmul(1, (c) => c.input(0).dtype),
  'com.microsoft.FusedMatMul': fusedMatmul,
  'com.microsoft.MatMulNBits': packedMatmul,
  'com.microsoft.MatMulBnb4': packedMatmul,
  Gemm: gemm(1, (c) => c.input(0).dtype ?? c.input(1).dtype),
  'com.microsoft.FusedGemm': gemm(1, (c) => c.input(0).dtype),
  'com.microsoft.QGemm': gemm(3, (c) => (c.has(8) ? c.input(8).dtype : 'float32')),
  Einsum: einsum,
  Det: (c) => [{ dtype: c.input(0).dtype, shape: c.input(0).shape?.slice(0, -2) }],
  'com.microsoft.Inverse': (c) => [c.input(0)],
  Attention: attention,
  'com.microsoft.MultiHeadAttention': multiHead,
  'com.microsoft.GroupQueryAttention': groupQuery,
};
