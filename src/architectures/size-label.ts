import type { TensorSource } from '../files/index.ts';
import { elementCount } from '../tensor/index.ts';

const units = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
] as const;

/** Numbers below 10 are given with a decimal. */
function rounded(count: number): string {
  const [unit, letter] = units.find(([size]) => count > size) ?? units[3];
  const scaled = count / unit;
  return `${scaled.toFixed(Math.round(scaled) < 10 ? 1 : 0)}${letter}`;
}

/** Size of a model in its name: '7.2B', or '8x47B' for eight experts and 47 billion parameters with one of them each. */
export function sizeLabel(tensors: readonly TensorSource[]): string {
  const stacks = tensors.filter(({ name }) => name.includes('_exps.'));
  const experts = stacks[0]?.shape[0] ?? 0;
  let count = 0;
  for (const tensor of tensors) {
    const values = elementCount(tensor.shape);
    count += tensor.name.includes('_exps.') ? values / tensor.shape[0]! : values;
  }
  return experts > 0 ? `${experts}x${rounded(count)}` : rounded(count);
}
