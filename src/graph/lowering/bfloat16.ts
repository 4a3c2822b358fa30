import { encodeBfloat16 } from '../../numerics/index.ts';
import { elementCount, fail } from '../../tensor/index.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import { lazyWeight, type Weight } from '../weight.ts';
import { nameOf } from './coded-weight.ts';
import type { LoweringResult, NodeFilter } from './lowering.ts';
import { requireOpset } from './require-opset.ts';
import { Rewrite } from './rewrite.ts';

/** Which nodes may store their weights so. */
export interface Bfloat16Options {
  readonly filter?: NodeFilter;
}

/** Smaller constants save nothing worth a Cast. */
const LEAST_VALUES = 64;
/** Code of +Inf; the one below it is the largest finite value. */
const INFINITE = 0x7f80;
/** First opset whose Cast reads bfloat16. */
const OPSET = 13;

/**
 * Stores weights in bfloat16: half the bytes, the range of float32, 8 bits of precision. ONNX Runtime has no
 * bfloat16 arithmetic on CPUs, so a Cast makes each weight float32; it is folded when the model is loaded.
 * The model is changed in place.
 */
export async function lowerBfloat16(model: Model, options: Bfloat16Options = {}): Promise<LoweringResult> {
  await requireOpset(model, OPSET);
  const rewrite = new Rewrite(model, options.filter);
  for (const { scope, node } of rewrite.nodes()) {
    if (node.kind === 'Constant') continue;
    const large = node.inputs.flatMap((name, i) => {
      const found = rewrite.constant(scope, name);
      const fits = found?.weight.dtype === 'float32' && elementCount(found.weight.dims) >= LEAST_VALUES;
      return fits ? [{ name, i, ...found }] : [];
    });
    if (large.length === 0 || !rewrite.allows(node)) continue;
    for (const { name, i, weight, owner } of large) {
      const real = rewrite.onceFor(owner, `${name} bfloat16`, (graph: Graph) => {
        const values = elementCount(weight.dims);
        rewrite.record({
          ...{
            name,
            node: nameOf(node),
            op: node.kind,
            format: 'bfloat16',
            granularity: 'per-tensor',
            values,
          },
          ...{ floatBytes: weight.byteLength, codeBytes: 2 * values, scaleBytes: 0, zeroPointBytes: 0 },
        });
        const stored = rewrite.addConstant(owner, `${name}_bfloat16`, toBfloat16(name, weight));
        const output = rewrite.fresh(`${name}_float32`);
        const cast = rewrite.fresh(`${name}_Cast`);
        graph.add({ op: 'Cast', name: cast, inputs: [stored], outputs: [output], attributes: { to: 1 } });
        return output;
      });
      scope.graph.setInput(node, i, real);
    }
  }
  rewrite.note(
    'Weights are stored as bfloat16 and become float32 when the model is loaded: the file is half as large, speed and memory are those of float32.',
  );
  return rewrite.finish();
}

/**
 * Rounded to the nearest bfloat16; finite values stay finite, infinite ones infinite.
 * @throws numerics/not-finite, when the weight is read, at the first NaN.
 */
function toBfloat16(name: string, weight: Weight): Weight {
  return lazyWeight('bfloat16', weight.dims, async () => {
    const bytes = await weight.read();
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    const codes = encodeBfloat16(values);
    for (let i = 0; i < codes.length; i++) {
      if (Number.isNaN(values[i])) fail('numerics/not-finite', { name, index: i, value: 'NaN' });
      if ((codes[i]! & 0x7fff) === INFINITE && Number.isFinite(values[i])) codes[i]!--;
    }
    return new Uint8Array(codes.buffer);
  });
}
