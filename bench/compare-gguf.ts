import { type GgufFile, openFile, openGguf, rowCountOf, type TensorSource } from 'lowbit/files';

/** What two GGUF files have in common. */
export interface GgufComparison {
  readonly tensors: number;
  /** Tensors whose types differ, or that one file lacks. */
  readonly otherTypes: readonly string[];
  /** Tensors of one type whose bytes differ. */
  readonly otherBytes: readonly string[];
}

/** Rows that are compared at a time. */
const ROWS = 1024;

export async function compareGguf(first: string, second: string): Promise<GgufComparison> {
  const [a, b] = [await openPath(first), await openPath(second)];
  try {
    const others = new Map(b.tensors.map((tensor) => [tensor.name, tensor]));
    const otherTypes: string[] = [];
    const otherBytes: string[] = [];
    for (const tensor of a.tensors) {
      const other = others.get(tensor.name);
      others.delete(tensor.name);
      if (other?.type !== tensor.type) otherTypes.push(tensor.name);
      else if (!(await sameBytes(tensor, other))) otherBytes.push(tensor.name);
    }
    return { tensors: a.tensors.length, otherTypes: [...otherTypes, ...others.keys()], otherBytes };
  } finally {
    await a.close();
    await b.close();
  }
}

export async function openPath(path: string): Promise<GgufFile> {
  const { source, siblings } = await openFile(path);
  return openGguf(source, siblings);
}

async function sameBytes(a: TensorSource, b: TensorSource): Promise<boolean> {
  const rows = rowCountOf(a.shape);
  if (rows !== rowCountOf(b.shape)) return false;
  for (let from = 0; from < rows; from += ROWS) {
    const to = Math.min(rows, from + ROWS);
    if (Buffer.compare(await a.read(from, to), await b.read(from, to)) !== 0) return false;
  }
  return true;
}
