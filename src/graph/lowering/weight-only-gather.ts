import { schemeOf } from '../../numerics/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { Node } from '../node.ts';
import { LEAST_TABLE_VALUES } from './gather-rows.ts';
import { blockFor, nbitsLayout } from './nbits-layout.ts';
import type { Scope } from './scope.ts';
import type { WeightOnlyContext } from './weight-only.ts';

/**
 * Embedding Gather -> com.microsoft.GatherBlockQuantized: packed codes [rows, bytes], scales [rows, blocks].
 * The operator takes a row to be as long as its bytes hold, so rows must fill whole bytes: odd ones get 8 bits.
 */
export function lowerToGatherBlockQuantized(
  context: WeightOnlyContext,
  scope: Scope,
  node: Node,
): true | string {
  const { rewrite, weights } = context;
  const [table, indices] = node.inputs as [string, string];
  const found = rewrite.constant(scope, table);
  if (found === undefined || found.weight.dtype !== 'float32') return '';
  const { dims } = found.weight;
  if (elementCount(dims) < LEAST_TABLE_VALUES) return '';
  if (dims.length !== 2 || node.int('axis', 0) !== 0) return 'it does not gather rows of a table';
  const [rows, length] = dims as [number, number];
  const fits = (length * context.bits) % 8 === 0;
  const bits = fits ? context.bits : 8;
  const block = blockFor(weights.blockSize ?? 32, length);
  const scheme = schemeOf({ ...weights, blockSize: block, ...(!fits && { format: 'uint8' as const }) }, 1);
  const coded = rewrite.code({
    name: table,
    found,
    node,
    scheme,
    layout: nbitsLayout({
      ...{ scheme, bits, block, length, rows, shape: 'rows', order: 'rows-first' },
    }),
    quantizer: context.quantizer,
  });
  const { graph } = scope;
  const { outputs } = node;
  graph.remove(node);
  rewrite.useContrib();
  graph.add({
    op: 'GatherBlockQuantized',
    domain: 'com.microsoft',
    name: node.name,
    inputs: [coded.codes, indices, coded.scale, ...(coded.zeroPoint ? [coded.zeroPoint] : [])],
    outputs,
    attributes: { bits, block_size: block, gather_axis: 0, quantize_axis: 1 },
  });
  return true;
}
