import { expect, test } from 'vitest';
import { formatPlan } from './format-plan.ts';
import { formatTable } from './format-table.ts';
import { keptTexts } from './kept-texts.ts';
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
      same: share of equal decisions; SQNR: signal to error of the outputs; memory: growth while loading and running

    int8  NOT WRITTEN, its limit was not met
      quantized: 1 large tensor (>= 4,096 values) in 1.23 MB for 4.92 MB (0.25x), 1 small tensor in 992 B for 3.46 kB
        (0.29x)
      top-5: 93.11 % (float 94.23 %)
      limit 0.5% on top-1: NOT MET: 83.11 % (95 % interval 83.00 % to 85.00 %), 1.12 points worse than float
      kept: 17 x Conv, 1 x Gemm: its integer kernel is slower than float on this CPU
      kept: Softmax 'softmax': the runtime has no integer kernel for it
      note: Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.
      worst layers:
           SQNR  node
         9.3 dB  features.17.conv.2
        18.0 dB  stem

    fp16  out/fp16.onnx
      top-5: 94.25 % (float 94.23 %)
      limit 0.5% on top-1: met: 84.25 % (95 % interval 83.00 % to 85.00 %), 0.02 points better than float

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is worth a block of 32 values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    done in 22 s
    int8: NOT WRITTEN, its limit was not met. Keep the worst layers float with --keep, or choose more bits.
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
      same: share of equal decisions; SQNR: signal to error of the outputs; memory:
        growth while loading and running

    int8  NOT WRITTEN, its limit was not met
      quantized: 1 large tensor (>= 4,096 values) in 1.23 MB for 4.92 MB (0.25x), 1
        small tensor in 992 B for 3.46 kB (0.29x)
      top-5: 93.11 % (float 94.23 %)
      limit 0.5% on top-1: NOT MET: 83.11 % (95 % interval 83.00 % to 85.00 %), 1.12
        points worse than float
      kept: 17 x Conv, 1 x Gemm: its integer kernel is slower than float on this CPU
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
      limit 0.5% on top-1: met: 84.25 % (95 % interval 83.00 % to 85.00 %), 0.02
        points better than float

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is
        worth a block of 32 values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    done in 22 s
    int8: NOT WRITTEN, its limit was not met. Keep the worst layers float with
      --keep, or choose more bits.
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

test('a speed far from the ratio of the latencies beside it is explained, and only then', () => {
  const [int8] = sampleRecord.outputs;
  // The latencies of the sample say 1.67x and 2.15x.
  const withSpeeds = (one: number, eight: number) => {
    const latency = int8!.measurement!.latency.map((l) => ({ ...l, speedup: l.batch === 1 ? one : eight }));
    return { ...sampleRecord, outputs: [{ ...int8!, measurement: { ...int8!.measurement!, latency } }] };
  };
  const note = 'speed: the median of paired runs';
  for (const [one, eight, told] of [
    [1.67, 2.15, false],
    [1.45, 2.5, false],
    [1.67, 2.7, true],
    [1.3, 2.15, true],
  ] as const) {
    const record = withSpeeds(one, eight);
    expect(formatTable(record, { width: 200 }).includes(note), `${one} ${eight}`).toBe(told);
    expect(markdownReport(record).includes(note), `${one} ${eight}`).toBe(told);
  }
  expect(formatTable(sampleRecord, { width: 200 })).not.toContain(note);
});

test('a plan', () => {
  expect(formatPlan(plannedRecord, { width: 100 })).toMatchInlineSnapshot(`
    "mobilenet.onnx  8.92 MB  plan only: nothing is written

            predicted         tensors     values  kept
      int8    2.44 MB  0.27x        2  1,229,664    19
      q4                            0          0     0

    int8
      2 x Conv: int8 per-channel(0)
      kept: 17 x Conv, 1 x Gemm: its integer kernel is slower than float on this CPU
      kept: Softmax 'softmax': the runtime has no integer kernel for it
      note: Weights use 7 bits: this CPU has no VNNI, and 8 bits would saturate.

    q4
      not applicable: q4 stores MatMul and Gemm weights, and no such weight here is worth a block of 32
        values

      assumed: pictures of images.u8 are stored NHWC, 'input' wants NCHW
    "
  `);
});

test('the tensors of a plan: what each takes now and will take', () => {
  const text = formatPlan(plannedRecord, { width: 100, tensors: true });
  expect(text.slice(text.indexOf('tensors:'), text.indexOf('q4\n'))).toMatchInlineSnapshot(`
    "tensors:
        tensor             operator  format  granularity       float       stored  ratio
        features.1.weight  Conv      int8    per-channel(0)  4.92 MB  ->  1.23 MB  0.25x
        stem.weight        Conv      int8    per-channel(0)  3.46 kB  ->    992 B  0.29x

    "
  `);
});

test('one line per reason that kept nodes, however many there are', () => {
  const kept = Array.from({ length: 60 }, (_, i) => ({
    node: `n${i}`,
    op: `Op${i % 6}`,
    why: i < 30 ? 'it has no weights' : `reason ${i}`,
  }));
  const texts = keptTexts(kept);
  expect(texts[0]).toBe('kept: 5 x Op0, 5 x Op1, 5 x Op2, 5 x Op3, 10 others: it has no weights');
  expect([texts.length, texts[1], texts.at(-1)]).toEqual([
    9,
    "kept: Op0 'n30': reason 30",
    'kept: 23 more, for other reasons',
  ]);
});

test('identical outputs and layers are exact, not 400 dB', () => {
  const [int8] = sampleRecord.outputs;
  const agreement = { ...int8!.agreement!, outputs: [{ ...int8!.agreement!.outputs[0]!, sqnrDb: 400 }] };
  const layers = [{ node: 'stem', value: 'stem_out', sqnrDb: 400 }];
  const text = formatTable({ ...sampleRecord, outputs: [{ ...int8!, agreement, layers }] }, { width: 120 });
  expect(text).toMatch(/97\.12 % {2}exact/);
  expect(text).toContain('worst layers: none, every layer is exact');
  expect(text).not.toContain('400');
});

test('only `quantize` speaks of files that were not written', () => {
  const text = formatTable({ ...sampleRecord, command: 'evaluate' }, { width: 120 });
  expect(text).toContain('int8  its limit was not met\n');
  expect(text.endsWith('done in 22 s\nint8: its limit was not met.\n')).toBe(true);
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
