import type { MeasurementRecord, OutputRecord, RunRecord } from './record.ts';

/** A made-up record with every part filled in: what the tests of the report draw. */

const measured = (
  path: string,
  sizeBytes: number,
  top1: number,
  latency: readonly (readonly [number, number, number])[],
  peakMemoryBytes: number,
): MeasurementRecord => ({
  file: { path, sizeBytes },
  metrics: [
    { name: 'top-1', value: top1, kind: 'rate', higherIsBetter: true, samples: 4000, interval: [0.83, 0.85] },
    { name: 'top-5', value: top1 + 0.1, kind: 'rate', higherIsBetter: true, samples: 4000 },
  ],
  latency: latency.map(([batch, medianMs, p95Ms]) => ({ batch, runs: 50, medianMs, p95Ms })),
  peakMemoryBytes,
});

const int8: OutputRecord = {
  preset: 'int8',
  status: 'limit-not-met',
  tensors: [
    {
      name: 'features.1.weight',
      node: 'Conv_1',
      op: 'Conv',
      format: 'int8',
      granularity: 'per-channel(0)',
      values: 1_228_800,
      floatBytes: 4_915_200,
      codeBytes: 1_228_800,
      scaleBytes: 5120,
      zeroPointBytes: 0,
    },
    {
      name: 'stem.weight',
      node: 'Conv_0',
      op: 'Conv',
      format: 'int8',
      granularity: 'per-channel(0)',
      values: 864,
      floatBytes: 3456,
      codeBytes: 864,
      scaleBytes: 128,
      zeroPointBytes: 0,
    },
  ],
  kept: [
    ...Array.from({ length: 17 }, (_, i) => ({
      node: `dw_${i}`,
      op: 'Conv',
      why: 'its integer kernel is slower than float on this CPU',
    })),
    { node: 'head', op: 'Gemm', why: 'its integer kernel is slower than float on this CPU' },
    { node: 'softmax', op: 'Softmax', why: 'the runtime has no integer kernel for it' },
  ],
  notes: ['Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.'],
  measurement: measured(
    'out/int8.onnx',
    2_441_000,
    0.8311,
    [
      [1, 2.41, 2.9],
      [8, 14.2, 15.1],
    ],
    41_300_000,
  ),
  agreement: {
    samples: 4000,
    sameDecision: 0.9712,
    outputs: [{ name: 'logits', sqnrDb: 21.37, cosine: 0.9964, maxAbsError: 1.2 }],
  },
  layers: [
    { node: 'features.17.conv.2', value: 'conv_out', sqnrDb: 9.31 },
    { node: 'features.17.conv.2', value: 'conv_out_scaled', sqnrDb: 12.5 },
    { node: 'stem', value: 'stem_out', sqnrDb: 18.04 },
    { node: 'reshape', value: 'flat', sqnrDb: 400 },
  ],
  limits: [{ text: '0.5%', metric: 'top-1', met: false, drop: 1.12, value: 0.8311 }],
  seconds: 4.2,
};

const fp16: OutputRecord = {
  preset: 'fp16',
  status: 'done',
  file: { path: 'out/fp16.onnx', sizeBytes: 4_502_000 },
  tensors: [],
  kept: [],
  notes: [],
  measurement: measured(
    'out/fp16.onnx',
    4_502_000,
    0.8425,
    [
      [1, 4.9, 5.4],
      [8, 36.1, 40.2],
    ],
    52_100_000,
  ),
  agreement: {
    samples: 4000,
    sameDecision: 0.9998,
    outputs: [{ name: 'logits', sqnrDb: 62.1, cosine: 1, maxAbsError: 0.01 }],
  },
  limits: [{ text: '0.5%', metric: 'top-1', met: true, drop: -0.02, value: 0.8425 }],
  seconds: 0.7,
};

const q4: OutputRecord = {
  preset: 'q4',
  status: 'not-applicable',
  why: 'q4 stores MatMul and Gemm weights, and no such weight here is worth a block of 32 values',
  tensors: [],
  kept: [],
  notes: [],
  limits: [],
  seconds: 0,
};

export const sampleRecord: RunRecord = {
  schema: 1,
  command: 'quantize',
  lowbitVersion: '0.1.0',
  machine: { cpu: 'Imaginary 9000', cores: 2, vnni: false, runtime: 'onnxruntime-node 1.30.0', threads: 2 },
  source: { path: 'mobilenet.onnx', sizeBytes: 8_917_000 },
  guesses: ["pictures of images.u8 are stored NHWC, 'input' wants NCHW"],
  calibration: { data: 'data#calib', samples: 1000, observer: 'mse', seconds: 3.4 },
  evaluation: { data: 'data#test', samples: 4000 },
  baseline: measured(
    'mobilenet.onnx',
    8_917_000,
    0.8423,
    [
      [1, 4.02, 4.4],
      [8, 30.5, 33.1],
    ],
    78_200_000,
  ),
  outputs: [int8, fp16, q4],
  seconds: 21.6,
};

export const plannedRecord: RunRecord = {
  ...sampleRecord,
  calibration: undefined,
  evaluation: undefined,
  baseline: undefined,
  outputs: [
    {
      ...int8,
      status: 'planned',
      file: undefined,
      predictedSizeBytes: 2_440_000,
      measurement: undefined,
      agreement: undefined,
      layers: undefined,
      limits: [],
    },
    q4,
  ],
};
