import { type Codes, formats, packBits, type Scheme } from '../../numerics/index.ts';
import { asFloats, type CodeLayout, type Part, transposeInto, zeroPoints } from './code-layout.ts';

/**
 * Codes [K, N] packed as a tensor of int4, uint4, int2, uint2 or 8 bits, scales [blocks of K, N]: what a
 * blocked DequantizeLinear (opset 21) on axis 0 reads. Takes the weight whole: codes of neighbours share bytes.
 */
export function blockedLayout(options: {
  readonly scheme: Scheme;
  /** K and N. */
  readonly inputs: number;
  readonly outputs: number;
  readonly block: number;
  /** The weight lies as [N, K]. */
  readonly transposed: boolean;
  readonly factor: number;
}): CodeLayout {
  const { scheme, inputs, outputs, block, transposed, factor } = options;
  const { dtype, bits, symmetricZero } = formats[scheme.format];
  const blocks = Math.ceil(inputs / block);
  const part: Part = { dtype: dtype as Part['dtype'], dims: [blocks, outputs] };
  const pack = (codes: Codes) => packBits(codes, bits as 2 | 4 | 8);
  return {
    codes: { ...part, dims: [inputs, outputs] },
    scale: { dtype: 'float32', dims: [blocks, outputs] },
    ...((!scheme.symmetric || symmetricZero !== 0) && { zeroPoint: part }),
    whole: true,
    variant: `blocked ${transposed} x${factor}`,
    write(q, _row, out) {
      const turned = <T extends Codes | Float32Array>(values: T, columns: number): T => {
        if (!transposed) return values;
        const target = values.slice() as T;
        transposeInto(values, outputs, columns, target, outputs, 0);
        return target;
      };
      const codes = turned(q.codes, inputs);
      const scale = turned(q.scale, blocks);
      const zero = turned(zeroPoints(q), blocks);
      out.codes.set(pack(codes));
      asFloats(out.scale).set(factor === 1 ? scale : scale.map((s) => s * factor));
      out.zeroPoint?.set(pack(zero));
    },
  };
}
