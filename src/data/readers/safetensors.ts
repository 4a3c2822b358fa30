import { openSafetensors } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import { type RowDType, rowDTypes, stridedRows } from '../rows.ts';
import type { Reader } from './reader.ts';

const feeds = (type: string): type is RowDType => (rowDTypes as readonly string[]).includes(type);

/** Tensors by name. https://github.com/huggingface/safetensors#format */
export const safetensors: Reader = {
  description: 'tensors by name, samples along the first axis; `key` names the tensor',
  extensions: ['.safetensors'],
  async arrays(source) {
    const { tensors } = await openSafetensors(source);
    return [...tensors.keys()].map((key) => ({ key }));
  },
  async open({ folder, path, spec }) {
    const source = await folder.open(path);
    const { tensors } = await openSafetensors(source);
    const known = [...tensors.keys()];
    const key = spec.key === undefined && known.length === 1 ? known[0]! : spec.key;
    if (key === undefined) fail('data/needs', { file: path, what: `"key" (${known.join(', ')})` });
    const tensor = tensors.get(String(key));
    if (tensor === undefined) fail('name/unknown', { what: `tensor of ${path}`, got: String(key), known });
    const { name, type, shape } = tensor;
    if (!feeds(type))
      fail('data/malformed', { file: path, what: `'${name}' is ${type}, which feeds no model` });
    const [count = 1, ...dims] = shape;
    const { offset } = tensor.pieces!(0, 0)[0]!;
    return stridedRows({ source, offset, count, dtype: type, dims });
  },
};
