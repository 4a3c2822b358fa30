import { expect, test } from 'vitest';
import { compare, evaluate, type QuantizeOptions, quantize } from './index.ts';

test('options that JavaScript lets through are refused by name', async () => {
  const wrong = { model: 'm.onnx', to: 'int8', outptu: 'x', threads: 0, measure: { run: 3 } };
  await expect(quantize(wrong as unknown as QuantizeOptions)).rejects.toMatchInlineSnapshot(`
    [LowbitError: The recipe is not valid:
      outptu: there is no such option; did you mean 'output'? known: runtime, threads, onEvent, signal, version, to, form, observer, calibrationSamples, weights, symmetricActivations, restricted, powerOfTwo, reduceRange, depthwise, dynamicConv, float8, equalize, absorbBias, correctBias, blockSize, symmetric, accuracyLevel, carrier, keep, only, keepEnds, overrides, maxDrop, minMetric, layout, externalData, search, imatrix, tensorTypes, pure, outputTensorType, tokenEmbeddingType, overrideKv, keepSplit, splitMaxSize, model, calibrate, evaluate, output, force, dryRun, resume, measure
      measure.run: there is no such option; did you mean 'measure.runs'? known: batch, runs, samples, memory, layers
      output: it is missing
      threads: 0 is no whole number of 1 or more]
  `);
  await expect(quantize(undefined as unknown as QuantizeOptions)).rejects.toMatchInlineSnapshot(`
    [LowbitError: The recipe is not valid:
      quantize wants an object of options]
  `);
  await expect(evaluate({ model: 'm.onnx' } as never)).rejects.toMatchInlineSnapshot(`
    [LowbitError: The recipe is not valid:
      data: it is missing]
  `);
  await expect(compare({} as never)).rejects.toMatchInlineSnapshot(`
    [LowbitError: The recipe is not valid:
      models: it is missing]
  `);
});
