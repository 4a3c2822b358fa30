/** GGUF end to end: a small random model and a trained checkpoint, to the byte. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, inspect, type QuantizeOptions, quantize } from 'lowbit';
import {
  imatrixEntry,
  memoryFolder,
  memorySource,
  openFile,
  openFolder,
  openGguf,
  writeImatrix,
} from 'lowbit/files';
import { seededRandom } from 'lowbit/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareGguf } from '../../bench/compare-gguf.ts';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';
import { assets } from '../asset-models.ts';
import { whyNoOracle } from '../ggml/oracle.ts';
import { projectRoot } from '../run-lowbit.ts';

const sizes = { layers: 4, width: 256, ffn: 768, heads: 4, keyHeads: 2, vocabulary: 512 };
const tensors = 3 + 9 * sizes.layers;
const matrices = 2 + 7 * sizes.layers;

let folder: string;
let model: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowbit-gguf-'));
  model = at('tiny.f16.gguf');
  await writeModel(model, syntheticLlama(sizes));
});
afterAll(() => rm(folder, { recursive: true }));

type Options = Partial<QuantizeOptions> & { readonly to: QuantizeOptions['to'] };

/** One output, and its bytes. */
async function made(options: Options) {
  const output = at('made.gguf');
  const record = await quantize({ model, output, force: true, search: 'reference', ...options });
  const [first] = record.outputs;
  return { record, output: first!, bytes: await readFile(output) };
}

/** The type of every tensor of a file. */
async function typesOf(path: string): Promise<Record<string, string>> {
  const { list } = await summaryOf(path);
  return Object.fromEntries(list.map(({ name, dtype }) => [name, dtype]));
}

async function summaryOf(path: string) {
  const summary = await inspect(path);
  if (summary.container === 'onnx') throw new TypeError(`${path} is ONNX`);
  return summary;
}

/** llama.cpp's own quantizer; it runs in a process of its own, so it is taken from the build. */
const rival = async () =>
  (await import(
    join(projectRoot, 'dist/bench/rivals/llama-quantize.js')
  )) as typeof import('../../bench/rivals/llama-quantize.ts');

const why = whyNoOracle();
describe.skipIf(why !== undefined)(
  `the files of llama_model_quantize${why === undefined ? '' : ` (skipped: ${why})`}`,
  () => {
    test.each(['Q8_0', 'Q4_K_M', 'Q3_K_M', 'Q6_K', 'IQ4_XS', 'F32', 'BF16', 'F16'] as const)(
      '%s, byte for byte',
      async (fileType) => {
        const rival = join(projectRoot, 'dist/bench/rivals/llama-quantize.js');
        const { llamaQuantize } = (await import(
          rival
        )) as typeof import('../../bench/rivals/llama-quantize.ts');
        await llamaQuantize({ input: model, output: at('llama.gguf'), fileType, threads: 2 });
        const { bytes } = await made({ to: `gguf:${fileType}` });
        expect(Buffer.compare(bytes, await readFile(at('llama.gguf')))).toBe(0);
      },
    );
  },
);

test('the same bytes for 1, 2 and 3 threads, from and to files, from and to memory', async () => {
  const { bytes } = await made({ to: 'gguf:Q4_K_M', threads: 1 });
  for (const threads of [2, 3]) {
    expect(Buffer.compare((await made({ to: 'gguf:Q4_K_M', threads })).bytes, bytes)).toBe(0);
  }
  const target = memoryFolder();
  await quantize({
    model: { source: memorySource(readFileSync(model), 'tiny.f16.gguf') },
    to: 'gguf:Q4_K_M',
    output: target,
    search: 'reference',
    threads: 2,
  });
  expect([...target.files.keys()]).toEqual(['tiny.Q4_K_M.gguf']);
  expect(Buffer.compare(target.files.get('tiny.Q4_K_M.gguf')!, bytes)).toBe(0);
});

test('a plan says the size to the byte, and writes nothing', async () => {
  const before = await readdir(folder);
  const to = ['gguf:Q4_K_M', 'gguf:q8_0', 'gguf:F32', 'gguf'];
  const plan = await quantize({ model, to, output: at('planned/'), dryRun: true });
  expect(await readdir(folder)).toEqual(before);
  const record = await quantize({ model, to, output: at('planned/') });
  expect(record.outputs.map(({ preset }) => preset)).toEqual([
    'gguf:Q4_K_M',
    'gguf:Q8_0',
    'gguf:F32',
    'gguf',
  ]);
  expect((await readdir(at('planned'))).sort()).toEqual([
    'tiny.F32.gguf',
    'tiny.Q4_K_M.gguf',
    'tiny.Q8_0.gguf',
    'tiny.gguf',
  ]);
  for (const [i, output] of plan.outputs.entries()) {
    const { path } = record.outputs[i]!.file!;
    expect(output.status).toBe('planned');
    expect(output.predictedSizeBytes).toBe(readFileSync(path).byteLength);
    expect({ ...output.gguf, files: [] }).toEqual({ ...record.outputs[i]!.gguf, files: [] });
    const summary = await summaryOf(path);
    expect(summary.types).toEqual(output.gguf!.types);
    expect(summary.bitsPerWeight).toBeCloseTo(output.gguf!.bitsPerWeight, 12);
  }
  expect(Buffer.compare(await readFile(at('planned/tiny.gguf')), await readFile(model))).toBe(0);
});

test('best search says in the metadata what made the file; reference search adds nothing of ours', async () => {
  const keys = async (options: Options) => {
    const { output } = await made(options);
    return (await summaryOf(output.file!.path)).metadata;
  };
  const best = await keys({ to: 'gguf:Q6_K', search: 'best', tensorTypes: { ffn_up: 'q8_0' } });
  expect(JSON.parse(best['lowbit.recipe']!)).toEqual({
    version: 1,
    search: 'best',
    tensorTypes: { ffn_up: 'q8_0' },
    to: 'gguf:Q6_K',
  });
  const reference = await keys({ to: 'gguf:Q6_K' });
  expect(Object.keys(reference).filter((key) => key.startsWith('lowbit.'))).toEqual([]);
  expect([reference['general.file_type'], reference['general.quantization_version']]).toEqual(['18', '2']);
});

describe('types on request', () => {
  test('by pattern, first match wins; output and embeddings by name; pure', async () => {
    const tensorTypes = { 'blk\\.0\\.ffn_down': 'q8_0', ffn_down: 'Q5_K', 'ATTN_[qk]\\.': 'f16' };
    const { output } = await made({
      to: 'gguf:Q4_K_M',
      tensorTypes,
      outputTensorType: 'q8_0',
      tokenEmbeddingType: 'q5_K',
    });
    const types = await typesOf(output.file!.path);
    expect(types['blk.0.ffn_down.weight']).toBe('Q8_0');
    expect(types['blk.1.ffn_down.weight']).toBe('Q5_K');
    expect([types['blk.2.attn_q.weight'], types['blk.2.attn_k.weight']]).toEqual(['F16', 'F16']);
    expect([types['output.weight'], types['token_embd.weight']]).toEqual(['Q8_0', 'Q5_K']);
    expect(types['blk.0.attn_norm.weight']).toBe('F32');
    const pure = await made({ to: 'gguf:Q4_K_M', pure: true });
    expect(pure.output.gguf!.types.map(({ type, tensors }) => [type, tensors])).toEqual([
      ['Q4_K', matrices],
      ['F32', tensors - matrices],
    ]);
  });

  test.each([
    [{ to: 'gguf:q4_k_mm' }, "Unknown GGUF file type 'Q4_K_MM'. Did you mean 'Q4_K_M'?"],
    [{ to: 'gguf:Q4_K_M', outputTensorType: 'q8-0' }, "Unknown tensor type 'Q8-0'. Did you mean 'Q8_0'?"],
    [{ to: 'gguf:Q8_0', tensorTypes: { 'ffn_(': 'q8_0' } }, "tensorTypes: 'ffn_(' is no regular expression"],
    [
      { to: 'gguf:Q8_0', overrideKv: { 'a.b': 'int:x' } },
      "overrideKv: 'a.b=int:x' is no override; wanted a.b= and one of int:<value>, float:<value>, bool:<value>, str:<value>",
    ],
    [
      { to: 'gguf:Q8_0', splitMaxSize: '2T' },
      "splitMaxSize: '2T' is no size; wanted such as 500M, 2G (powers of ten) or 512MiB",
    ],
    [
      { to: 'gguf:Q8_0', splitMaxSize: '2G', keepSplit: true },
      'keepSplit and splitMaxSize: the parts are those of the source or of a size; choose one of the two',
    ],
    [
      { to: ['gguf:Q8_0', 'int8'] },
      'to: gguf:Q8_0, int8: GGUF files and ONNX presets are made in runs of their own',
    ],
    [{ to: 'gguf:Q8_0', observer: 'mse' }, 'observer: it is about ONNX, and gguf:Q8_0 is not'],
    [{ to: 'int8', search: 'best' }, 'search: it is about GGUF, and int8 is not'],
    [{ to: 'gguf:Q8_0', calibrate: 'data/' }, 'calibrate: GGUF takes an importance matrix instead (imatrix)'],
  ] as const)('what is wrong with %j', async (options, text) => {
    await expect(
      quantize({ model, output: at('wrong.gguf'), ...options } as QuantizeOptions),
    ).rejects.toThrow(text);
    expect(existsSync(at('wrong.gguf'))).toBe(false);
  });
});

describe('an importance matrix', () => {
  const path = () => at('imatrix.gguf');
  const names = (layer: number) =>
    ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map(
      (n) => `blk.${layer}.${n}.weight`,
    );

  beforeAll(async () => {
    const random = seededRandom(5);
    const entries = Array.from({ length: sizes.layers }, (_, layer) => names(layer))
      .flat()
      .map((name) => {
        const length = name.includes('ffn_down') ? sizes.ffn : sizes.width;
        const sums = Float32Array.from({ length }, () => 100 * random() ** 4);
        return [name, imatrixEntry(sums, [64], 'gguf')] as const;
      });
    const sink = await (await openFolder(folder, { force: true })).open('imatrix.gguf');
    await writeImatrix(
      sink,
      { format: 'gguf', entries: new Map(entries), datasets: ['made up'], chunks: 8, chunkSize: 8 },
      'gguf',
    );
    await sink.commit();
  });

  test('changes the codes, and says where it came from', async () => {
    const plain = await made({ to: 'gguf:Q4_K_M' });
    const { bytes, output } = await made({ to: 'gguf:Q4_K_M', imatrix: path() });
    expect(Buffer.compare(plain.bytes, bytes)).not.toBe(0);
    const { metadata } = await summaryOf(output.file!.path);
    expect(Object.entries(metadata).slice(-4)).toEqual([
      ['quantize.imatrix.file', path()],
      ['quantize.imatrix.dataset', 'made up'],
      ['quantize.imatrix.entries_count', String(7 * sizes.layers)],
      ['quantize.imatrix.chunks_count', '8'],
    ]);
    expect(output.gguf!.tensors.filter(({ weighted }) => weighted)).toHaveLength(7 * sizes.layers);
  });

  test.skipIf(why !== undefined)('the tensors of llama_model_quantize with the same matrix', async () => {
    const { llamaQuantize } = await rival();
    await llamaQuantize({
      input: model,
      output: at('llama.gguf'),
      fileType: 'IQ2_XS',
      threads: 2,
      imatrix: path(),
    });
    const { output } = await made({ to: 'gguf:IQ2_XS', imatrix: path() });
    expect(await compareGguf(output.file!.path, at('llama.gguf'))).toEqual({
      tensors,
      otherTypes: [],
      otherBytes: [],
    });
  });

  test('missing for a type that cannot do without: refused before any work, said by a plan', async () => {
    const options = { model, to: 'gguf:IQ2_XS', output: at('none/x.gguf') };
    await mkdir(at('none'));
    await expect(quantize(options)).rejects.toThrow(
      "gguf:IQ2_XS makes IQ2_XS of tensor 'blk.0.attn_k.weight' and such of 23 more, which is worthless without an importance matrix, and none was given. Give one with --imatrix (llama-imatrix computes them), or choose a file type with more bits, such as gguf:Q3_K_M.",
    );
    expect(await readdir(at('none'))).toEqual([]);
    const plan = await quantize({ ...options, dryRun: true });
    expect(plan.outputs[0]!.notes).toEqual([
      "To be made, gguf:IQ2_XS needs an importance matrix (--imatrix) for 24 tensors, such as 'blk.0.attn_k.weight'.",
    ]);
  });

  test('of another model', async () => {
    await writeModel(at('wide.gguf'), syntheticLlama({ ...sizes, layers: 1, width: 512 }));
    await expect(
      quantize({ model: at('wide.gguf'), to: 'gguf:Q4_K_M', imatrix: path(), output: at('wrong.gguf') }),
    ).rejects.toThrow(
      `${path()} has 256 values for tensor 'blk.0.attn_k.weight', which takes 512. It was made for another model; compute one for this model.`,
    );
  });
});

describe('files of one model', () => {
  test('cut by size and joined again: the same file; quantized from parts: the same as from one', async () => {
    const cut = await convert({ model, to: 'gguf', splitMaxSize: '1M', output: at('parts/') });
    const names = (await readdir(at('parts'))).sort();
    expect(names.length).toBeGreaterThan(3);
    expect(names[0]).toBe(`tiny-00001-of-0000${names.length}.gguf`);
    expect(cut.outputs[0]!.gguf!.files.map(({ path }) => path)).toEqual(names);
    const part = at(`parts/${names[1]}`);
    expect((await summaryOf(part)).files).toBe(names.length);
    await convert({ model: part, to: 'gguf', output: at('joined.gguf') });
    const joined = await readFile(at('joined.gguf'));
    expect(Buffer.compare(joined, await readFile(model))).toBe(0);
    const { bytes } = await made({ to: 'gguf:Q8_0' });
    expect(Buffer.compare((await made({ model: part, to: 'gguf:Q8_0' })).bytes, bytes)).toBe(0);
  });

  test('as many files as the source', async () => {
    const count = (await readdir(at('parts'))).length;
    const first = at(`parts/tiny-00001-of-0000${count}.gguf`);
    await quantize({
      model: first,
      to: 'gguf:Q8_0',
      keepSplit: true,
      search: 'reference',
      output: at('kept/'),
    });
    const names = (await readdir(at('kept'))).sort();
    expect(names).toHaveLength(count);
    expect(names[0]).toBe(`tiny.Q8_0-00001-of-0000${count}.gguf`);
    await convert({ model: at(`kept/${names[0]}`), to: 'gguf', output: at('kept.gguf') });
    const whole = await made({ to: 'gguf:Q8_0' });
    const values = async (path: string) => {
      const { source, siblings } = await openFile(path);
      const file = await openGguf(source, siblings);
      const bytes = new Map<string, Uint8Array>();
      for (const t of file.tensors)
        bytes.set(t.name, await t.read(0, t.shape.length === 1 ? 1 : t.shape[0]!));
      await file.close();
      return bytes;
    };
    expect(await values(at('kept.gguf'))).toEqual(await values(whole.output.file!.path));
  });
});

test('metadata on request', async () => {
  const overrideKv = {
    'general.name': 'str:a=b: c',
    'llama.context_length': 'int:4096',
    'x.negative': 'int:-5',
    'x.large': 'int:5000000000',
    'x.ratio': 'float:0.5',
    'x.flag': 'bool:true',
  };
  await convert({ model, to: 'gguf', overrideKv, output: at('named.gguf') });
  const { source } = await openFile(at('named.gguf'));
  const { metadata, close } = await openGguf(source);
  await close();
  expect([...metadata].slice(-6)).toEqual([
    ['general.name', { type: 'string', value: 'a=b: c' }],
    ['llama.context_length', { type: 'uint32', value: 4096 }],
    ['x.negative', { type: 'int32', value: -5 }],
    ['x.large', { type: 'uint64', value: 5_000_000_000n }],
    ['x.ratio', { type: 'float32', value: 0.5 }],
    ['x.flag', { type: 'bool', value: true }],
  ]);
});

test('quantized input is quantized again, with a note', async () => {
  await quantize({ model, to: 'gguf:Q8_0', output: at('again.gguf'), search: 'reference' });
  const { output } = await made({ model: at('again.gguf'), to: 'gguf:Q4_K_M' });
  expect(output.notes).toEqual([
    'The source is quantized already (Q8_0; 30 tensors): quantizing it again loses more than quantizing the original.',
  ]);
  // Back to floats: what is stored is what the blocks decode to.
  const { output: floats } = await made({ model: at('again.gguf'), to: 'gguf:F32' });
  expect(floats.gguf!.types.map(({ type }) => type)).toEqual(['F32']);
});

test('rows that are no whole number of 256 get smaller blocks, and it is said', async () => {
  await writeModel(
    at('narrow.gguf'),
    syntheticLlama({ ...sizes, layers: 1, width: 192, ffn: 512, heads: 6 }),
  );
  const { output } = await made({ model: at('narrow.gguf'), to: 'gguf:Q6_K' });
  expect(output.notes).toEqual([
    "Q8_0 instead of Q6_K for 8 tensors (the largest: 'output.weight', 104 kB), 84.47 % of the file: rows of 192 are no multiple of 256.",
  ]);
});

test('a weight that is no number: refused by name and index, nothing is left', async () => {
  const path = at('broken/model.gguf');
  await mkdir(at('broken'));
  await writeFile(path, await readFile(model));
  const { source } = await openFile(path);
  const { tensors: list, close } = await openGguf(source);
  const tensor = list.find(({ name }) => name === 'blk.2.ffn_up.weight')!;
  const { offset } = tensor.pieces!(0, 1)[0]!;
  await close();
  const file = await open(path, 'r+');
  await file.write(Uint8Array.of(0x00, 0x7e), 0, 2, offset + 2 * 1000);
  await file.close();
  for (const to of ['gguf:Q8_0', 'gguf:BF16', 'gguf']) {
    await expect(quantize({ model: path, to, output: at('broken/out.gguf') })).rejects.toThrow(
      "Value 1000 of tensor 'blk.2.ffn_up.weight' is NaN",
    );
  }
  expect(await readdir(at('broken'))).toEqual(['model.gguf']);
});

test('the source is never replaced, files in the way only when forced', async () => {
  const before = await readFile(model);
  const onto = quantize({ model, to: 'gguf:Q8_0', output: model, force: true });
  await expect(onto).rejects.toMatchObject({ code: 'file/is-source' });
  await writeFile(at('there.gguf'), 'old');
  const there = quantize({ model, to: 'gguf:Q8_0', output: at('there.gguf') });
  await expect(there).rejects.toMatchObject({ code: 'file/exists' });
  expect(await readFile(at('there.gguf'), 'utf8')).toBe('old');
  expect(Buffer.compare(await readFile(model), before)).toBe(0);
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

const trained = join(assets, 'lm-4m');
describe.skipIf(!existsSync(trained))(
  `a trained checkpoint${existsSync(trained) ? '' : ` (skipped: there is no ${trained})`}`,
  () => {
    test('is seen, converted and quantized', async () => {
      const folderSummary = await summaryOf(trained);
      expect([folderSummary.container, folderSummary.architecture, folderSummary.parameters]).toEqual([
        'safetensors',
        'LlamaForCausalLM',
        5_245_184,
      ]);
      await convert({ model: trained, to: 'gguf', output: at('as-it-is.gguf') });
      await convert({ model: trained, to: 'gguf:bf16', output: at('trained.bf16.gguf') });
      // The checkpoint is BF16: both hold the same.
      const both = await compareGguf(at('as-it-is.gguf'), at('trained.bf16.gguf'));
      expect(both).toEqual({ tensors: 39, otherTypes: [], otherBytes: [] });
      const said = await Promise.all(
        ['as-it-is.gguf', 'trained.bf16.gguf'].map((name) => summaryOf(at(name))),
      );
      expect(said[0]!.metadata).toEqual(said[1]!.metadata);
      const [direct, through] = await Promise.all(
        [trained, at('trained.bf16.gguf')].map((source, i) =>
          quantize({
            model: source,
            to: 'gguf:Q8_0',
            search: 'reference',
            output: at(`trained-${i}.gguf`),
            threads: i + 1,
          }),
        ),
      );
      expect(Buffer.compare(await readFile(at('trained-0.gguf')), await readFile(at('trained-1.gguf')))).toBe(
        0,
      );
      expect(direct!.outputs[0]!.gguf).toMatchObject({
        fileType: 'Q8_0',
        types: [
          { type: 'Q8_0', tensors: 30 },
          { type: 'F32', tensors: 9 },
        ],
      });
      expect(through!.outputs[0]!.notes).toEqual([]);
    });
  },
);

const stories = join(assets, 'stories260k');
test.skipIf(!existsSync(stories))(
  'a llama2.c checkpoint, with the vocabulary that lies beside it',
  async () => {
    const source = join(stories, 'stories260K.bin');
    const summary = await summaryOf(source);
    expect([summary.container, summary.parameters]).toEqual(['llama2.c', 260_032]);
    const record = await convert({ model: source, to: ['gguf:F32', 'gguf:F16'], output: at('stories/') });
    expect(record.outputs.map(({ file, notes }) => [file!.path, notes])).toEqual([
      [at('stories/stories260K.F32.gguf'), []],
      [at('stories/stories260K.F16.gguf'), []],
    ]);
    const { metadata } = await summaryOf(at('stories/stories260K.F32.gguf'));
    expect(metadata['tokenizer.ggml.tokens']).toMatch(/^512 string: <unk>, <s>, <\/s>, /);
  },
);
