import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type BlockFormatName, blockFormats } from 'lowbit/numerics';

/** ggml's own quantizers, as llama.cpp v0.5.0 ships them for x86-64 Linux: the bytes that reference search must give. */
export interface GgmlOracle {
  /** values: [rows, rowLength]. */
  encode(
    name: BlockFormatName,
    values: Float32Array,
    rowLength: number,
    importance?: Float32Array,
  ): Uint8Array;
  decode(name: BlockFormatName, bytes: Uint8Array, count: number): Float32Array;
}

const require = createRequire(import.meta.url);

/** Folder of the shared libraries; undefined where the package is not installed. */
export function ggmlLibraries(): string | undefined {
  try {
    return join(dirname(require.resolve('@node-llama-cpp/linux-x64')), '../bins/linux-x64');
  } catch {
    return undefined;
  }
}

/** Why there is no oracle here; undefined when there is one. */
export function whyNoOracle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return "ggml's reference bytes are those of its x86-64 Linux build";
  return ggmlLibraries() === undefined ? '@node-llama-cpp/linux-x64 is not installed' : undefined;
}

const decoders: Readonly<Partial<Record<BlockFormatName, string>>> = {
  float16: 'ggml_fp16_to_fp32_row',
  bfloat16: 'ggml_bf16_to_fp32_row',
};

/** ggml's name of a type in its functions: q4_k is q4_K. */
const functionName = (name: string) => name.replace(/_k$/, '_K');

export function openOracle(): GgmlOracle {
  const koffi = require('koffi');
  const library = koffi.load(join(ggmlLibraries()!, 'libggml-base.so'));
  const quantize = library.func(
    'size_t ggml_quantize_chunk(int type, const float *src, void *dst, int64_t start, int64_t rows, int64_t length, const float *imatrix)',
  );
  return {
    encode(name, values, rowLength, importance) {
      const { id, block, bytes } = blockFormats[name];
      const out = new Uint8Array((values.length / block) * bytes);
      quantize(id, values, out, 0, values.length / rowLength, rowLength, importance ?? null);
      return out;
    },
    decode(name, bytes, count) {
      const values = new Float32Array(count);
      if (name === 'float32') values.set(new Float32Array(bytes.slice().buffer));
      else {
        const symbol = decoders[name] ?? `dequantize_row_${functionName(name)}`;
        library.func(`void ${symbol}(const void *bytes, float *values, int64_t count)`)(bytes, values, count);
      }
      return values;
    },
  };
}
