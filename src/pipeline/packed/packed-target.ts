import {
  type CompositeScheme,
  parseScheme,
  type SchemeRequest,
  schemeAt,
  schemeText,
} from '../../numerics/index.ts';

/** A target that stores tensors and runs nothing: packing, unpacking, folders of schemes. */
export type StoredTarget =
  /** Any ONNX file, entropy-coded. */
  | { readonly kind: 'lowbit' }
  /** The ONNX file inside a .lowbit file. */
  | { readonly kind: 'onnx' }
  /** A Hugging Face folder whose linear weights have a scheme. */
  | { readonly kind: 'folder'; readonly request: SchemeRequest; readonly label: string }
  /** Such a folder as plain floats. */
  | { readonly kind: 'floats'; readonly dtype: FolderFloat; readonly label: string };

/** Types that a folder is decoded to. */
export const folderFloats = ['float32', 'float16', 'bfloat16'] as const;
export type FolderFloat = (typeof folderFloats)[number];

/**
 * The target that one name of `to` means; undefined for presets, formats of ONNX and GGUF types.
 * @throws scheme/text, name/unknown for a 'safetensors:' whose scheme is none
 */
export function storedTarget(to: string | readonly string[]): StoredTarget | undefined {
  const name = (typeof to === 'string' ? to : to.length === 1 ? to[0]! : '').trim();
  if (name === 'lowbit' || name === 'onnx') return { kind: name };
  const text = /^safetensors:(.*)$/i.exec(name)?.[1];
  if (text === undefined) return undefined;
  const dtype = folderFloats.find((one) => one === text.toLowerCase());
  if (dtype !== undefined) return { kind: 'floats', dtype, label: `safetensors:${dtype}` };
  const request = parseScheme(text);
  return { kind: 'folder', request, label: `safetensors:${schemeText(request)}` };
}

/** Linear weights are [out, in]: a scale or a book per output, groups along the inputs. */
export const linearAxes = { channel: 0, group: 1 } as const;

/** The scheme of a linear weight. */
export const linearScheme = (request: SchemeRequest): CompositeScheme => schemeAt(request, linearAxes);
