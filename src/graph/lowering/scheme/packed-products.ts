import {
  type CompositeScheme,
  type FormatName,
  formats,
  type NumberFormat,
  type QuantizedTensor,
} from '../../../numerics/index.ts';
import type { Node } from '../../node.ts';
import { asFloats, type CodeLayout } from '../code-layout.ts';
import { addScaledBias } from '../gemm-operands.ts';
import type { WeightQuantizer, WeightRun } from '../lowering.ts';
import { nbitsLayout } from '../nbits-layout.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Scope } from '../scope.ts';
import { type Product, productOf } from '../weight-only-matmul.ts';

/** Which operators hold the weights. See `packedProducts` for what they are. */
export type SchemeCarrier = 'auto' | 'standard' | 'packed';

/** A product and the scheme of its weight, in groups along K. */
export interface PackedRequest {
  readonly product: Product;
  readonly scheme: CompositeScheme;
  readonly format: NumberFormat;
  /** Values of one group. */
  readonly block: number;
  readonly accuracyLevel: number;
}

/** An operator of com.microsoft that multiplies with packed weights and holds a scheme exactly. */
export interface PackedProduct {
  readonly operator: 'MatMulNBits' | 'MatMulBnb4';
  readonly runs: WeightRun;
  /** It holds exactly what the scheme says. */
  holds(request: PackedRequest): boolean;
  /** It is as fast as float, or faster (onnxruntime 1.30, x64). */
  fast(request: PackedRequest): boolean;
  layout(request: PackedRequest): CodeLayout;
  attributes(request: PackedRequest): Readonly<Record<string, number>>;
}

const powerOfTwo = (n: number): boolean => (n & (n - 1)) === 0;

/** Both operators read scales of float32: narrower ones would only grow. */
const plainScales = ({ scaleType = 'float32', powerOfTwo }: CompositeScheme): boolean =>
  scaleType === 'float32' && powerOfTwo !== true;

/** quant_type of MatMulBnb4: formats whose levels and codes are those of its tables. */
const bnb4Types: Partial<Readonly<Record<FormatName, number>>> = { fp4: 0, nf4: 1 };

/** First that holds the scheme is taken. To add one: a row. */
const packedProducts: readonly PackedProduct[] = [
  {
    operator: 'MatMulNBits',
    runs: 'few-bits',
    holds: ({ format, scheme, block }) =>
      format.kind === 'integer' &&
      format.block === 'free' &&
      [2, 4, 8].includes(format.bits) &&
      scheme.zero !== 'real' &&
      plainScales(scheme) &&
      block >= 16 &&
      block <= 256 &&
      powerOfTwo(block),
    fast: ({ format, accuracyLevel }) => format.bits === 4 || accuracyLevel === 4,
    layout: ({ product, scheme, format, block }) =>
      nbitsLayout({
        ...{ scheme, block, bits: format.bits as 2 | 4 | 8, length: product.inputs, rows: product.outputs },
        ...{ shape: 'blocks', order: product.transposed ? 'rows-first' : 'length-first' },
      }),
    attributes: ({ product, format, block, accuracyLevel }) => ({
      ...{ K: product.inputs, N: product.outputs, bits: format.bits, block_size: block },
      ...(accuracyLevel > 0 && { accuracy_level: accuracyLevel }),
    }),
  },
  {
    operator: 'MatMulBnb4',
    runs: 'unpacked-each-run',
    holds: ({ product, scheme, block }) =>
      bnb4Types[scheme.format] !== undefined &&
      plainScales(scheme) &&
      block >= 16 &&
      powerOfTwo(block) &&
      product.inputs % block === 0,
    fast: () => false,
    layout: ({ product, block }) => bnb4Layout(product, block),
    attributes: ({ product, scheme, block }) => ({
      ...{ K: product.inputs, N: product.outputs, block_size: block },
      quant_type: bnb4Types[scheme.format]!,
    }),
  },
];

/** Codes [N x K / 2], the first of a byte in its high half; scales [N x K / block]. */
function bnb4Layout({ inputs: K, outputs: N, transposed }: Product, block: number): CodeLayout {
  const blocks = K / block;
  return {
    codes: { dtype: 'uint8', dims: [(N * K) / 2] },
    scale: { dtype: 'float32', dims: [N * blocks] },
    variant: `bnb4 ${transposed}`,
    whole: true,
    write({ codes, scale }: QuantizedTensor, _row, out) {
      const scales = asFloats(out.scale);
      for (let n = 0; n < N; n++) {
        for (let k = 0; k < K; k++) {
          const code = codes[transposed ? n * K + k : k * N + n]!;
          const at = n * K + k;
          out.codes[at >> 1]! |= at % 2 === 0 ? code << 4 : code;
        }
        for (let b = 0; b < blocks; b++)
          scales[n * blocks + b] = scale[transposed ? n * blocks + b : b * N + n]!;
      }
    },
  };
}

export interface PackingOptions {
  readonly rewrite: Rewrite;
  readonly quantizer: WeightQuantizer;
  readonly carrier: SchemeCarrier;
  readonly accuracyLevel: number;
  /** The scheme of a weight whose groups lie along `group`. */
  schemeAt(axes: { readonly channel: number; readonly group: number }): CompositeScheme;
}

/** Puts a packed product in place of a MatMul or Gemm; false where none holds the scheme, or none is wanted. */
export function packProduct(options: PackingOptions, scope: Scope, node: Node): boolean {
  const { rewrite, carrier, accuracyLevel } = options;
  if (carrier === 'standard' || (node.kind !== 'MatMul' && node.kind !== 'Gemm')) return false;
  const product = productOf({ rewrite }, scope, node);
  if (typeof product === 'string' || product.factor !== 1) return false;
  const scheme = options.schemeAt(product.transposed ? { channel: 0, group: 1 } : { channel: 1, group: 0 });
  const { granularity } = scheme;
  if (granularity.kind !== 'per-group' || scheme.double || scheme.outliers || scheme.lowRank) return false;
  const format: NumberFormat = formats[scheme.format];
  const request = { product, scheme, format, block: granularity.size, accuracyLevel };
  const row = packedProducts.find((packed) => packed.holds(request));
  if (row === undefined || (carrier === 'auto' && !row.fast(request))) return false;
  const coded = rewrite.code({
    name: product.w,
    found: product.found,
    node,
    scheme,
    layout: row.layout(request),
    quantizer: options.quantizer,
    runs: row.runs,
  });
  const { graph } = scope;
  const [y] = node.outputs as [string];
  graph.remove(node);
  rewrite.useContrib();
  const { gemm } = product;
  const biased = gemm?.c !== undefined;
  const output = biased ? rewrite.fresh(`${y}_product`) : y;
  graph.add({
    op: row.operator,
    domain: 'com.microsoft',
    name: rewrite.fresh(`${node.name || y}_${row.operator}`),
    inputs: [product.input(), coded.codes, coded.scale, ...(coded.zeroPoint ? [coded.zeroPoint] : [])],
    outputs: [output],
    attributes: row.attributes(request),
  });
  if (biased) addScaledBias(rewrite, scope, node, output, gemm, y);
  return true;
}
