import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PortInfo } from '../runtime/index.ts';
import { LowbitError } from '../tensor/index.ts';
import { type DataFolder, type DatasetSpec, memoryDataFolder, openDataset } from './index.ts';

const x3: PortInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 3] }];
const picture: PortInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 3, 4, 4] }];
const ids: PortInfo[] = [{ name: 'ids', dtype: 'int64', shape: ['n', 's'] }];
const encode = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const floats = (n: number) => new Uint8Array(new Float32Array(n).buffer);

/** Opens, reads everything, and gives the whole refusal. */
async function refusal(
  files: Record<string, Uint8Array> | DataFolder | string,
  ports: PortInfo[],
  options: { spec?: DatasetSpec; outputs?: PortInfo[] } = {},
): Promise<string> {
  const folder = typeof files === 'string' || 'open' in files ? files : memoryDataFolder(files, 'data');
  try {
    const dataset = await openDataset(folder as string, ports, options);
    for await (const batch of dataset.batches({ batchSize: 4 })) void batch;
  } catch (error) {
    if (!(error instanceof LowbitError)) throw error;
    // Engines differ in how they say where JSON breaks, but all say it.
    const text = error.message.replace(/(no valid JSON: )\S.*\S(\. Write)/, '$1<where>$2');
    return `${error.exitCode} ${error.code}: ${text}`;
  }
  return 'taken';
}

const raw = (
  input: DatasetSpec['inputs'][string],
  rest: Partial<DatasetSpec> = {},
): { spec: DatasetSpec } => ({
  spec: { inputs: { x: input }, ...rest },
});

test('data that does not fit the model', async () => {
  const classes: PortInfo[] = [{ name: 'y', dtype: 'float32', shape: ['n', 10] }];
  const labelled = raw({ file: 'a.f32', shape: [3] }, { labels: { file: 'l.u8' } });
  const two = { 'a.f32': floats(6) };
  const lines = [
    await refusal(two, x3, raw({ file: 'a.f32', shape: [2] })),
    await refusal(
      { 'a.u8': new Uint8Array(60) },
      picture,
      raw({ file: 'a.u8', shape: [4, 5, 3], layout: 'NHWC' }),
    ),
    await refusal(
      { 'a.u8': new Uint8Array(48) },
      picture,
      raw({ file: 'a.u8', shape: [4, 4, 3], layout: 'NHWC', mean: [1, 2] }),
    ),
    await refusal(two, [{ name: 'x', dtype: 'int32', shape: ['n', 3] }], raw({ file: 'a.f32', shape: [3] })),
    await refusal({ ...two, 'l.u8': Uint8Array.of(1, 2, 3) }, x3, labelled),
    await refusal({ ...two, 'l.u8': Uint8Array.of(1, 10) }, x3, { ...labelled, outputs: classes }),
    await refusal(
      two,
      [...x3, { name: 'state', dtype: 'float32', shape: [1] }],
      raw({ file: 'a.f32', shape: [3] }),
    ),
    await refusal(two, x3, { spec: { inputs: { x: { file: 'a.f32', shape: [3] }, z: { value: 0 } } } }),
    await refusal({ 'a.f32': floats(0) }, x3, raw({ file: 'a.f32', shape: [3] })),
    await refusal({ 'a.json': encode('[]') }, ids),
  ];
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "2 data/shape: Input 'x' wants samples of [3], but a.f32 holds [2]. Check the file, or "shape" and "layout" in dataset.json.
    2 data/shape: Input 'x' wants samples of [3, 4, 4], but a.u8 holds [4, 5, 3]. Check the file, or "shape" and "layout" in dataset.json.
    2 data/spec-invalid: the description of input 'x' is not a valid dataset description:
      "mean" has 2 numbers, wanted 1 or 3, one per channel
    docs/data.md lists every key.
    2 data/dtype: Input 'x' wants int32, but a.f32 holds float32 (float32 would be rounded to int32). Convert the file, or feed another one in dataset.json.
    2 data/count-mismatch: a.f32 holds 2 samples, but l.u8 holds 3. Every array of a dataset wants one row per sample; check that the files belong together.
    2 data/label-range: Label 10 of sample 1 in l.u8 is out of range: the model tells 10 classes apart, 0 to 9. Check that labels and model belong together.
    2 data/input-missing: The model's input 'state' is fed by nothing in data, which feeds: x. Add it under "inputs" in dataset.json; a constant is {"value": 0, "fill": [shape]}.
    2 data/input-unknown: data feeds 'z', which the model does not have. Its inputs: x.
    2 data/empty: The dataset data has no samples. Give it at least one; calibration works best with 100 to 1000.
    2 data/empty: The dataset data has no samples. Give it at least one; calibration works best with 100 to 1000."
  `);
});

/** Two 16-bit samples at 16 kHz. */
const sound = Uint8Array.from([
  ...encode('RIFF....WAVEfmt '),
  16,
  0,
  0,
  0,
  1,
  0,
  1,
  0,
  128,
  62,
  0,
  0,
  0,
  125,
  0,
  0,
  2,
  0,
  16,
  0,
  ...encode('data'),
  4,
  0,
  0,
  0,
  1,
  0,
  2,
  0,
]);

test('descriptions that are wrong', async () => {
  const lines = [
    await refusal(
      {
        'dataset.json': encode({
          task: 'classify',
          inputs: { x: { fiel: 'a.f32', scale: 'half' } },
          extra: 1,
        }),
      },
      x3,
    ),
    await refusal({ 'dataset.json': encode('{') }, x3),
    await refusal({ 'a.wav': sound }, x3, raw({ file: 'a.wav', window: 2 ** 40, padStart: 2 ** 41 })),
    await refusal({ 'a.f32': floats(3) }, x3, {
      spec: { inputs: { x: { value: 1, fill: ['batch', 2 ** 40] } } },
    }),
    await refusal(
      { 'a.u8': new Uint8Array(27) },
      [{ name: 'x', dtype: 'float32', shape: ['n', 3, 3, 3] }],
      raw({ file: 'a.u8', layout: 'NHWC' }),
    ),
    await refusal({}, x3, raw({ file: 'a.f32' })),
    await refusal({}, x3, raw({ file: '../a.f32' })),
    await refusal({}, x3, raw({ file: '/etc/passwd' })),
    await refusal({}, x3, raw({ file: 'C:\\a.f32' })),
    await refusal({ 'a.xyz': floats(3) }, x3, raw({ file: 'a.xyz' })),
    await refusal({ 'a.bin': floats(3) }, x3, raw({ file: 'a.bin' })),
    await refusal(
      { 'a.f32': floats(3) },
      [{ name: 'x', dtype: 'float32', shape: ['n', 'm'] }],
      raw({ file: 'a.f32' }),
    ),
    await refusal({ 'a.tsv': encode('1\t2\n') }, x3),
    await refusal({ 'a.tsv': encode('a\tb\n1\t2\n') }, x3, raw({ file: 'a.tsv', columns: ['a', 'c'] })),
    await refusal({ 'a.f32': floats(3), 'b.f32': floats(3) }, x3),
    await refusal({ 'notes.md': encode('hello') }, x3),
    await refusal({}, x3),
    await refusal('/nowhere/at/all', x3),
  ];
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "2 data/spec-invalid: dataset.json is not a valid dataset description:
      'task': Invalid option: expected one of "classification"|"binary"|"regression"|"none"
      'inputs.x.scale': wanted a number, or a fraction such as "1/255"
      'inputs.x': Unrecognized key: "fiel"
      the top: Unrecognized key: "extra"
    docs/data.md lists every key.
    2 data/malformed: dataset.json is damaged or not what its name says: it is no valid JSON: <where>. Write the file again.
    2 data/too-large: a.wav is refused: one sample in bytes is 4398046511104, and the limit is 1073741824. Split the data into smaller files.
    2 data/shape: Input 'x' wants samples of [n, 3], but its constant holds [batch, 1099511627776]. Check the file, or "shape" and "layout" in dataset.json.
    2 data/needs: a.u8 cannot be read without "modelLayout" (NHWC or NCHW) for 'x'. Add it in dataset.json (docs/data.md shows how).
    2 data/missing: There is no data at data/a.f32. Check the path.
    2 data/unsafe-location: the data description names the file '../a.f32', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that.
    2 data/unsafe-location: the data description names the file '/etc/passwd', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that.
    2 data/unsafe-location: the data description names the file 'C:\\a.f32', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that.
    2 data/needs: a.xyz cannot be read without "format" (raw, npy, npz, idx, cifar10, cifar100, images, bytes, safetensors, tsv, json, jsonl, wav, pb). Add it in dataset.json (docs/data.md shows how).
    2 data/needs: a.bin cannot be read without "dtype" (uint8, float32, ...). Add it in dataset.json (docs/data.md shows how).
    2 data/needs: a.f32 cannot be read without "shape": the shape of one sample. Add it in dataset.json (docs/data.md shows how).
    2 data/not-guessed: Cannot tell how a.tsv feeds the model: nobody said which columns feed it. Put a dataset.json beside the data that says it (docs/data.md shows how).
    2 name/unknown: Unknown column of a.tsv 'c'. Known: a, b.
    2 data/not-guessed: Cannot tell how data feeds the model: it holds a.f32, b.f32. Put a dataset.json beside the data that says it (docs/data.md shows how).
    2 data/not-guessed: Cannot tell how data feeds the model: it holds no known data. Put a dataset.json beside the data that says it (docs/data.md shows how).
    2 data/empty: The dataset data has no samples. Give it at least one; calibration works best with 100 to 1000.
    2 data/missing: There is no data at /nowhere/at/all. Check the path."
  `);
});

const npyHeader = (shape: string) => {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }\n`;
  return Uint8Array.from([0x93, ...encode('NUMPY'), 1, 0, header.length, 0, ...encode(header)]);
};

test('files that lie', async () => {
  const safetensors = (header: unknown, length?: number) => {
    const text = encode(header);
    const size = new Uint8Array(BigUint64Array.of(BigInt(length ?? text.length)).buffer);
    return Uint8Array.from([...size, ...text]);
  };
  const cases: Record<string, Uint8Array> = {
    'a.f32': floats(4),
    'a.npy': npyHeader('1000000, 1000000, 1000000'),
    'b.npy': encode('not numpy at all'),
    'a.npz': encode('PK but nothing else in here'),
    'a.idx': Uint8Array.of(0, 0, 8, 2, 255, 255, 255, 255, 0, 0, 0, 3),
    'b.idx': Uint8Array.of(1, 2, 3, 4, 5),
    'a_batch.bin': new Uint8Array(3000),
    'a.safetensors': safetensors({ x: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] } }),
    'b.safetensors': safetensors('{}', 2 ** 40),
    'c.safetensors': safetensors({ x: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }),
    'a.pb': Uint8Array.of(0x08, 2, 0x10, 1, 0x4a, 200, 1),
    'a.wav': encode('RIFF....WAVEfmt '),
    'a.jsonl': encode('[1, 2, 3]\n{oops\n'),
    'a.json': encode('[[1, 2], ["a"]]'),
    'b.json': encode(`[${'['.repeat(2000)}${']'.repeat(2000)}]`),
    'c.json': encode('[[1, 2], [[3]]]'),
    'a.jpg': encode('no picture'),
  };
  const lines: string[] = [];
  for (const [name, bytes] of Object.entries(cases)) {
    const ports = name.endsWith('.jpg') || name.endsWith('.bin') ? picture : x3;
    lines.push(await refusal({ [name]: bytes }, ports));
  }
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "2 data/not-whole: a.f32 is 16 bytes, which is no whole number of samples: one sample of float32 [3] takes 12. The file is cut off, or "dtype" or "shape" is wrong.
    2 data/truncated: a.npy is cut off: its content needs 4000000000000000000 bytes, but there are 91. Copy or download it again.
    2 data/malformed: b.npy is damaged or not what its name says: it does not start with the NumPy signature. Write the file again.
    2 data/malformed: a.npz is damaged or not what its name says: it has no zip directory. Write the file again.
    2 data/truncated: a.idx is cut off: its content needs 12884901897 bytes, but there are 12. Copy or download it again.
    2 data/malformed: b.idx is damaged or not what its name says: no IDX header (starts with 1 2 3 4). Write the file again.
    2 data/not-whole: a_batch.bin is 3000 bytes, which is no whole number of samples: one sample of 1 label byte and a 3 x 32 x 32 picture takes 3073. The file is cut off, or "dtype" or "shape" is wrong.
    2 safetensors/truncated: a.safetensors is cut off: it has 65 bytes, and tensor 'x' would end at 89. Copy or download it again.
    2 safetensors/too-large: b.safetensors is refused: the length of the header is 1099511627776, and the limit is 100000000, which no real model comes near. The file is damaged or hostile.
    2 safetensors/tensor: Tensor 'x' in c.safetensors has no shape of whole numbers. The file is damaged; copy or download it again, or save it again.
    2 data/truncated: a.pb is cut off: its content needs 207 bytes, but there are 7. Copy or download it again.
    2 data/malformed: a.wav is damaged or not what its name says: it has no format and data chunk. Write the file again.
    2 data/malformed: a.jsonl is damaged or not what its name says: line 2 is no JSON. Write the file again.
    2 data/malformed: a.json, sample 1 is damaged or not what its name says: wanted a number or a list, got "a". Write the file again.
    2 data/malformed: b.json, sample 0 is damaged or not what its name says: lists are nested deeper than 8. Write the file again.
    2 data/malformed: c.json is damaged or not what its name says: samples differ in shape; only flat lists may differ in length. Write the file again.
    2 data/image: The picture a.jpg cannot be read: Input buffer contains unsupported image format. Repair or remove it."
  `);
});

test('a class folder that "labelNames" does not name', async () => {
  const spec: DatasetSpec = {
    inputs: { x: { file: '.', format: 'bytes', head: 3 } },
    labels: { folders: true },
    labelNames: ['cat', 'dog'],
  };
  const files = { 'cat/1': Uint8Array.of(1, 2, 3), 'emu/1': Uint8Array.of(4, 5, 6) };
  const bytes: PortInfo[] = [{ name: 'x', dtype: 'int32', shape: ['n', 3] }];
  expect(await refusal(files, bytes, { spec })).toMatchInlineSnapshot(
    `"2 data/class-folder: The class folder 'emu' of data is none of the label names. Add it to "labelNames" in dataset.json, or remove the folder."`,
  );
});

test('a link that leaves the folder is not followed', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'lowbit-outside-'));
  const folder = await mkdtemp(join(tmpdir(), 'lowbit-data-'));
  try {
    await writeFile(join(outside, 'secret.f32'), floats(3));
    await symlink(join(outside, 'secret.f32'), join(folder, 'a.f32'));
    const text = await refusal(folder, x3, raw({ file: 'a.f32' }));
    expect(text.replace(folder, '<folder>')).toMatchInlineSnapshot(
      `"2 data/unsafe-location: <folder> names the file 'a.f32', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that."`,
    );
  } finally {
    await rm(outside, { recursive: true });
    await rm(folder, { recursive: true });
  }
});

test('parts of one input that differ', async () => {
  const npy = (dtype: string, values: ArrayBufferView) =>
    Uint8Array.from([
      ...[0x93, ...encode('NUMPY'), 1, 0],
      ...[60, 0, ...encode(`{'descr': '${dtype}', 'fortran_order': False, 'shape': (1, 3)}`.padEnd(59)), 10],
      ...new Uint8Array(values.buffer),
    ]);
  const files = {
    'a.npy': npy('<f4', Float32Array.of(1, 2, 3)),
    'b.npy': npy('<i4', Int32Array.of(1, 2, 3)),
  };
  expect(await refusal(files, x3, raw({ file: ['a.npy', 'b.npy'] }))).toBe(
    '2 data/parts-differ: The files of one input differ: a.npy: 1 rows of float32 [3], but b.npy: 1 rows of int32 [3]. Write them with the same element type and shape.',
  );
});
