import { rowCountOf, type TensorSource } from '../files/index.ts';
import { fail } from '../tensor/index.ts';
import type { CheckpointConfig } from './checkpoint-config.ts';
import type { Family } from './family.ts';

const OUTPUT = 'lm_head.weight';
const EMBEDDING = 'token_embd.weight';

/** Rows that are compared: a matrix of its own differs in the first one. */
const COMPARED = 64;

/**
 * Some checkpoints store the tied output beside the embedding. Where the graph has no output of its own, it is left
 * out if it is the embedding.
 * @throws architecture/unsupported if it is not
 */
export async function withoutTiedOutput(
  tensors: ReadonlyMap<string, TensorSource>,
  { family, architecture, config }: { family: Family; architecture: string; config: CheckpointConfig },
): Promise<ReadonlyMap<string, TensorSource>> {
  const output = tensors.get(OUTPUT);
  const hasOwn = family.tensors.some(({ to }) => to === 'output.weight');
  if (output === undefined || hasOwn || !config.flag('tie_word_embeddings')) return tensors;
  const row = family.tensors.find(({ to }) => to === EMBEDDING)?.from;
  const embedding = row !== undefined && 'from' in row ? tensors.get(row.from) : undefined;
  if (embedding === undefined || !(await sameRows(output, embedding))) {
    fail('architecture/unsupported', {
      architecture,
      key: OUTPUT,
      got: 'another matrix than the embedding',
      graph: family.architecture,
      wanted: 'the embedding as its output',
    });
  }
  return new Map([...tensors].filter(([name]) => name !== OUTPUT));
}

async function sameRows(a: TensorSource, b: TensorSource): Promise<boolean> {
  if (a.type !== b.type || a.shape.join() !== b.shape.join()) return false;
  const rows = rowCountOf(a.shape);
  const step = Math.max(1, Math.floor(rows / COMPARED));
  for (let row = 0; row < rows; row += step) {
    const [x, y] = [await a.read(row, row + 1), await b.read(row, row + 1)];
    if (x.some((byte, i) => byte !== y[i])) return false;
  }
  return true;
}
