import { expect, test } from 'vitest';
import { formatPlan } from './format-plan.ts';
import { formatTable } from './format-table.ts';
import { markdownReport } from './markdown-report.ts';
import { plannedRecord, sampleRecord } from './sample-record.test-data.ts';
import { widthOf } from './text-table.ts';

test('a run in 120 columns: one table', () => {
  expect(formatTable(sampleRecord, { width: 120 })).toMatchInlineSnapshot(`
    "mobilenet.onnx  8.92 MB
      onnxruntime-node 1.30.0, 2 threads on Imaginary 9000 (2 cores, no VNNI)
      calibrated on data#calib (1,000 samples, mse, 3.4 s)
      evaluated on data#test (4,000 samples)

                size           top-1    change     same     SQNR  batch 1   (p95)  speed  batch 8   (p95)  speed   memory
      float  8.92 MB         84.23 %                              4.02 ms  (4.40)         30.5 ms  (33.1)         78.2 MB
      int8   2.44 MB  0.27x  83.11 %  -1.12 pt  97.12 %  21.4 dB  2.41 ms  (2.90)  1.67x  14.2 ms  (15.1)  2.15x  41.3 MB
      fp16   4.50 MB  0.50x  84.25 %  +0.02 pt  99.98 %  62.1 dB  4.90 ms  (5.40)  0.82x  36.1 ms  (40.2)  0.84x  52.1 MB
      q4         n/a

    int8  out/int8.onnx
      quantized: 1 large tensor in 1.23 MB for 4.92 MB (0.25x), 1 small tensor in 992 B for 3.46 kB (0.29x)
      top-5: 93.11 % (float 94.23 %)
      limit 0.5% on top-1: NOT MET (1.12 points worse than float)
      kept: 17 x Conv: depthwise: its integer kernel is slower than float on this CPU
      kept: Softmax 'softmax': the runtime has no integer kernel for it
      note: Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.
      worst layers:
           SQNR  node
         9.3 dB  features.17.conv.2
        18.0 dB  stem

    fp16  out/fp16.onnx
      top-5: 94.25 % (float 94.23 %)
      limit 0.5% on top-1: met (0.02 points better than float)

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is worth a block of 32 values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    done in 22 s
    "
  `);
});

test('a run in 80 columns: quality and cost one below the other', () => {
  const text = formatTable(sampleRecord, { width: 80, tensors: true });
  expect(text).toMatchInlineSnapshot(`
    "mobilenet.onnx  8.92 MB
      onnxruntime-node 1.30.0, 2 threads on Imaginary 9000 (2 cores, no VNNI)
      calibrated on data#calib (1,000 samples, mse, 3.4 s)
      evaluated on data#test (4,000 samples)

                size           top-1    change     same     SQNR
      float  8.92 MB         84.23 %
      int8   2.44 MB  0.27x  83.11 %  -1.12 pt  97.12 %  21.4 dB
      fp16   4.50 MB  0.50x  84.25 %  +0.02 pt  99.98 %  62.1 dB
      q4         n/a

             batch 1   (p95)  speed  batch 8   (p95)  speed   memory
      float  4.02 ms  (4.40)         30.5 ms  (33.1)         78.2 MB
      int8   2.41 ms  (2.90)  1.67x  14.2 ms  (15.1)  2.15x  41.3 MB
      fp16   4.90 ms  (5.40)  0.82x  36.1 ms  (40.2)  0.84x  52.1 MB
      q4

    int8  out/int8.onnx
      quantized: 1 large tensor in 1.23 MB for 4.92 MB (0.25x), 1 small tensor in
        992 B for 3.46 kB (0.29x)
      top-5: 93.11 % (float 94.23 %)
      limit 0.5% on top-1: NOT MET (1.12 points worse than float)
      kept: 17 x Conv: depthwise: its integer kernel is slower than float on this
        CPU
      kept: Softmax 'softmax': the runtime has no integer kernel for it
      note: Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.
      worst layers:
           SQNR  node
         9.3 dB  features.17.conv.2
        18.0 dB  stem
      tensors:
        tensor             operator  format  granularity       float    codes   scales  ratio
        features.1.weight  Conv      int8    per-channel(0)  4.92 MB  1.23 MB  5.12 kB  0.25x
        stem.weight        Conv      int8    per-channel(0)  3.46 kB    864 B    128 B  0.29x

    fp16  out/fp16.onnx
      top-5: 94.25 % (float 94.23 %)
      limit 0.5% on top-1: met (0.02 points better than float)

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is
        worth a block of 32 values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    done in 22 s
    "
  `);
});

test('no line of the prose is wider than the screen', () => {
  for (const width of [80, 100, 120]) {
    const lines = formatTable(sampleRecord, { width }).split('\n');
    expect(lines.filter((line) => widthOf(line) > width)).toEqual([]);
  }
});

test('colours change nothing but the colour', () => {
  const coloured = formatTable(sampleRecord, { width: 100, color: true });
  expect(coloured).toContain('\u001b[31m-1.12 pt\u001b[39m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes start with ESC
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(formatTable(sampleRecord, { width: 100 }));
});

test('a speedup measured in turns wins over the ratio of two medians', () => {
  const [int8] = sampleRecord.outputs;
  const latency = int8!.measurement!.latency.map((l) => ({ ...l, speedup: l.batch === 1 ? 1.5 : 2.5 }));
  const outputs = [{ ...int8!, measurement: { ...int8!.measurement!, latency } }];
  const text = formatTable({ ...sampleRecord, outputs }, { width: 120 });
  expect(text).toMatch(/2\.41 ms {2}\(2\.90\) {2}1\.50x {2}14\.2 ms {2}\(15\.1\) {2}2\.50x/);
});

test('a plan', () => {
  expect(formatPlan(plannedRecord, { width: 100 })).toMatchInlineSnapshot(`
    "mobilenet.onnx  8.92 MB  plan only: nothing is written

            predicted         tensors     values  kept
      int8    2.44 MB  0.27x        2  1,229,664    18
      q4                            0          0     0

    int8
      2 x Conv: int8 per-channel(0)
      kept: 17 x Conv: depthwise: its integer kernel is slower than float on this CPU
      kept: Softmax 'softmax': the runtime has no integer kernel for it
      note: Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is worth a block of 32
        values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    "
  `);
});

test('the table as Markdown', () => {
  expect(markdownReport(sampleRecord)).toMatchInlineSnapshot(`
    "| model |    size |       |   top-1 |   change |    same |    SQNR | batch 1 |  (p95) | speed | batch 8 |  (p95) | speed |  memory |
    | ----- | ------: | ----: | ------: | -------: | ------: | ------: | ------: | -----: | ----: | ------: | -----: | ----: | ------: |
    | float | 8.92 MB |       | 84.23 % |          |         |         | 4.02 ms | (4.40) |       | 30.5 ms | (33.1) |       | 78.2 MB |
    | int8  | 2.44 MB | 0.27x | 83.11 % | -1.12 pt | 97.12 % | 21.4 dB | 2.41 ms | (2.90) | 1.67x | 14.2 ms | (15.1) | 2.15x | 41.3 MB |
    | fp16  | 4.50 MB | 0.50x | 84.25 % | +0.02 pt | 99.98 % | 62.1 dB | 4.90 ms | (5.40) | 0.82x | 36.1 ms | (40.2) | 0.84x | 52.1 MB |
    | q4    |     n/a |       |         |          |         |         |         |        |       |         |        |       |         |
    "
  `);
});
