/** Data formats by name; the rows live in readers.ts, which is exhaustive over these. */
export const formatNames = [
  'raw',
  'npy',
  'npz',
  'idx',
  'cifar10',
  'cifar100',
  'images',
  'bytes',
  'safetensors',
  'tsv',
  'json',
  'jsonl',
  'wav',
  'pb',
] as const;

export type DataFormat = (typeof formatNames)[number];
