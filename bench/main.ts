/**
 * Benchmarks: `npm run bench -- <name>`. Every figure in the documentation names the one that made it. Speeds
 * are ratios within one run, against the float model or a rival.
 */
const benches: Readonly<Record<string, { readonly what: string; readonly run: () => Promise<unknown> }>> = {
  'rate-distortion': {
    what: 'every number format on three trained models: bits per weight against SQNR and the task; schemes may be named, docs writes the page',
    run: () => import('./rate-distortion.ts'),
  },
  'onnx-accuracy': {
    what: 'static int8: top-1 of float, per-channel, per-tensor, per-tensor with equalization and bias correction',
    run: () => import('./onnx-accuracy.ts'),
  },
  'onnx-observers': {
    what: 'top-1 of every observer on every picture classifier',
    run: () => import('./onnx-observers.ts'),
  },
  'onnx-presets': {
    what: 'every preset on every model: size, agreement, metric, or why it does not apply',
    run: () => import('./onnx-presets.ts'),
  },
  'onnx-latency': {
    what: 'int8 against float: sst2-encoder (dynamic), resnet18s, mobilenetv2 (static)',
    run: () => import('./onnx-latency.ts'),
  },
  'onnx-calibration': {
    what: 'time and peak memory of static int8 with 100 and 1,000 pictures, beside onnxruntime.quantization',
    run: () => import('./onnx-calibration.ts'),
  },
  formats: {
    what: 'MB/s of float32 of every format of at most 8 bits: encode, decode, plain loops; formats may be named',
    run: () => import('./formats.ts'),
  },
  composite: {
    what: 'scales of scales, outliers, low rank on a matrix of lm-35m and of sst2-encoder: bits per weight, SQNR',
    run: () => import('./composite.ts'),
  },
  entropy: {
    what: 'rANS on the codes of lm-35m: true bits beside the entropy and the packed codes, MB/s of codes',
    run: () => import('./entropy.ts'),
  },
  gguf: {
    what: 'file to file against llama_model_quantize, same threads, by file type; equal tensors in reference search',
    run: () => import('./gguf.ts'),
  },
  'gguf-memory': {
    what: 'peak memory of quantizing a 0.3 GB and a 3 GB model',
    run: () => import('./gguf-memory.ts'),
  },
  'gguf-files': {
    what: 'whole GGUF files of lm-35m: types and bytes beside llama_model_quantize, perplexity',
    run: () => import('./gguf-files.ts'),
  },
  'gguf-quality': {
    what: 'best search beside reference search on lm-35m: squared error per type, perplexity per file type',
    run: () => import('./gguf-quality.ts'),
  },
  'gguf-public': {
    what: 'Gemma 3 270M, where its Python package can be downloaded: types and bytes beside llama.cpp, perplexity',
    run: () => import('./gguf-public.ts'),
  },
  'gguf-bytes': {
    what: "reference search against ggml's own bytes: every type, special rows and the tensors of lm-4m and lm-35m",
    run: () => import('./gguf-bytes.ts'),
  },
};

const [name] = process.argv.slice(2);
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined) {
  console.log('npm run bench -- <name>\n');
  for (const [known, { what }] of Object.entries(benches)) console.log(`  ${known.padEnd(18)} ${what}`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const { default: run } = (await bench.run()) as { default: () => Promise<void> };
  await run();
}
