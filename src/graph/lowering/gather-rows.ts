import { elementCount } from '../../tensor/index.ts';
import type { Node } from '../node.ts';
import { plainLayout } from './code-layout.ts';
import { reshapeWeight } from './coded-weight.ts';
import type { WeightQuantizer } from './lowering.ts';
import type { Rewrite } from './rewrite.ts';
import type { Scope } from './scope.ts';

/** Tables of fewer values save nothing worth two more operators. */
export const LEAST_TABLE_VALUES = 1024;
/** Shorter rows would spend more than 2 % of the float size on their scales. */
const LEAST_ROW_FOR_OWN_SCALE = 64;

/**
 * An embedding table as int8 rows: the codes are gathered, then only the gathered rows become real again, so
 * the table is never expanded. One scale per row where rows are long, gathered alike; else one for the table.
 */
export function lowerGatherRows(
  rewrite: Rewrite,
  scope: Scope,
  node: Node,
  quantizer: WeightQuantizer,
  enabled: boolean,
): true | string {
  const [table, indices] = node.inputs as [string, string];
  const found = rewrite.constant(scope, table);
  if (found === undefined || found.weight.dtype !== 'float32') return '';
  const { dims } = found.weight;
  if (elementCount(dims) < LEAST_TABLE_VALUES) return '';
  if (!enabled) return 'embeddings were to stay float';
  if (dims.length < 2 || node.int('axis', 0) !== 0) return 'it does not gather rows of a table';
  const row = elementCount(dims.slice(1));
  const perRow = row >= LEAST_ROW_FOR_OWN_SCALE;
  const granularity = perRow
    ? ({ kind: 'per-channel', axis: 0 } as const)
    : ({ kind: 'per-tensor' } as const);
  const scheme = { format: 'int8', symmetric: true, granularity } as const;
  const coded = rewrite.code({
    name: table,
    found,
    node,
    scheme,
    layout: plainLayout({
      scheme,
      dims: [dims[0]!, row],
      codeDims: dims,
      ...(perRow && { scaleDims: [dims[0]!, ...dims.slice(1).map(() => 1)] }),
    }),
    quantizer,
    view: reshapeWeight(found.weight, [dims[0]!, row]),
  });
  const { graph } = scope;
  const [y] = node.outputs as [string];
  const attributes = new Map(node.attributes);
  graph.remove(node);
  const named = (op: string) => rewrite.fresh(`${node.name || y}_${op}`);
  const gather = (data: string, part: string) => {
    const output = rewrite.fresh(`${y}_${part}`);
    graph.add({
      op: 'Gather',
      name: named('Gather'),
      inputs: [data, indices],
      outputs: [output],
      attributes,
    });
    return output;
  };
  const codes = gather(coded.codes, 'codes');
  const scale = perRow ? gather(coded.scale, 'scale') : coded.scale;
  const reals = rewrite.fresh(`${y}_reals`);
  graph.add({ op: 'Cast', name: named('Cast'), inputs: [codes], outputs: [reals], attributes: { to: 1 } });
  graph.add({ op: 'Mul', name: named('Rescale'), inputs: [reals, scale], outputs: [y] });
  return true;
}
