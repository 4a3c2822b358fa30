import { elementCount, int64 } from '../../tensor/index.ts';
import { weightOf } from '../weight.ts';
import { plainLayout } from './code-layout.ts';
import { reshapeWeight } from './coded-weight.ts';
import type { DynamicRule } from './dynamic.ts';

/**
 * Below so many products per output value the kernel's rearranging costs more than its integers save:
 * measured alone on x64 with onnxruntime 1.30, 27 products run at a sixth of the float speed, 64 and more at
 * 1.2-2 times. In whole networks the reordering between layers eats the gain, so this is not the default.
 */
const LEAST_PRODUCTS = 64;

/**
 * Conv -> ConvInteger. Weights are uint8 codes around 128 also for the int8 preset: the same values, and the
 * only form with a fast kernel (int8 weights run 3-5 times slower). ConvInteger takes one zero point, so
 * codes are symmetric; scales per output channel are applied to its sums.
 */
export const lowerConvDynamic: DynamicRule = (context, scope, node) => {
  const { rewrite, options } = context;
  const [x, w, bias] = node.inputs as [string, string, string | undefined];
  const found = rewrite.constant(scope, w);
  if (found === undefined) return 'its weight is not a constant';
  const { dims, dtype } = found.weight;
  if (dtype !== 'float32') return `its weight is ${dtype}, not float32`;
  if (node.int('group', 1) !== 1) return 'a grouped convolution runs slower as ConvInteger than in float';
  const products = elementCount(dims.slice(1));
  if (products < LEAST_PRODUCTS) {
    return `with ${products} products per output value it runs slower as ConvInteger than in float`;
  }
  const { granularity } = context.scheme(0);
  const scheme = { format: 'uint8', symmetric: true, granularity } as const;
  const spatial = dims.length - 2;
  const perChannel = [1, dims[0]!, ...Array<number>(spatial).fill(1)];
  const coded = rewrite.code({
    name: w,
    found,
    node,
    scheme,
    layout: plainLayout({
      scheme,
      dims,
      scaleDims: granularity.kind === 'per-channel' ? perChannel : [],
      zeroPoint: 'scalar',
    }),
    quantizer: options.quantizer,
  });
  const { graph } = scope;
  const [y] = node.outputs as [string];
  const attributes = new Map(node.attributes);
  graph.remove(node);
  const input = context.quantizeInput(scope, x);
  const named = (op: string) => rewrite.fresh(`${node.name || y}_${op}`);
  const [sums, reals, scale] = ['sums', 'reals', 'scale'].map((part) => rewrite.fresh(`${y}_${part}`)) as [
    string,
    string,
    string,
  ];
  const rescaled = bias ? rewrite.fresh(`${y}_rescaled`) : y;
  graph.add({
    op: 'ConvInteger',
    name: named('ConvInteger'),
    inputs: [input.codes, coded.codes, input.zeroPoint, coded.zeroPoint!],
    outputs: [sums],
    attributes,
  });
  graph.add({ op: 'Cast', name: named('Cast'), inputs: [sums], outputs: [reals], attributes: { to: 1 } });
  graph.add({ op: 'Mul', name: named('Scale'), inputs: [input.scale, coded.scale], outputs: [scale] });
  graph.add({ op: 'Mul', name: named('Rescale'), inputs: [reals, scale], outputs: [rescaled] });
  if (!bias) return true;
  const constant = rewrite.constant(scope, bias);
  let shaped: string;
  if (constant !== undefined) {
    const name = `${bias}_shaped`;
    shaped = rewrite.addConstant(constant.owner, name, reshapeWeight(constant.weight, perChannel));
  } else {
    shaped = rewrite.fresh(`${bias}_shaped`);
    const shape = rewrite.addConstant(
      graph,
      `${bias}_shape`,
      weightOf(int64([perChannel.length], perChannel)),
    );
    graph.add({ op: 'Reshape', name: named('Reshape'), inputs: [bias, shape], outputs: [shaped] });
  }
  graph.add({ op: 'Add', name: named('Bias'), inputs: [rescaled, shaped], outputs: [y] });
  return true;
};
