/** What a run leaves on disk and prints: names, folders, sizes, plans, one JSON document. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { glyphModel, recordOf, runLowbit, writeGlyphs } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-output-'));
  await writeGlyphs(join(cwd, 'data'), 40);
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const quick = ['--runs', '0', '--no-memory'];
const quantize = (...args: string[]) => ['quantize', glyphModel, ...quick, ...args];
const list = async (name: string) => (await readdir(join(cwd, name))).sort();

test('several presets go into a folder, named after themselves', async () => {
  const { code, record } = await recordOf(quantize('--to', 'fp16,q8,int8-weights', '-o', 'several'), { cwd });
  expect([code, await list('several')]).toEqual([0, ['fp16.onnx', 'int8-weights.onnx', 'q8.onnx']]);
  for (const { preset, file } of record.outputs) {
    expect(file!.path).toBe(`several/${preset}.onnx`);
    expect(file!.sizeBytes).toBe((await stat(join(cwd, file!.path))).size);
  }
});

test('a folder made for a run that fails is taken back', async () => {
  const { code } = await runLowbit(quantize('--to', 'fp16,bf16', '--keep', 'Nothing', '-o', 'new/'), { cwd });
  expect(code).toBe(2);
  expect(await list('.')).not.toContain('new');
});

test('what is in the way of a later preset is refused before the first is made', async () => {
  await mkdir(join(cwd, 'taken'));
  await writeFile(join(cwd, 'taken/bf16.onnx'), 'mine');
  const { code, stderr } = await runLowbit(quantize('--to', 'fp16,bf16', '-o', 'taken'), { cwd });
  expect([code, stderr]).toEqual([
    2,
    'error: taken/bf16.onnx is already there. Choose another name, or replace it with --force.',
  ]);
  expect(await list('taken')).toEqual(['bf16.onnx']);
  expect(await readFile(join(cwd, 'taken/bf16.onnx'), 'utf8')).toBe('mine');
  const forced = await runLowbit(quantize('--to', 'fp16,bf16', '-o', 'taken', '--force'), { cwd });
  expect([forced.code, await list('taken')]).toEqual([0, ['bf16.onnx', 'fp16.onnx']]);
});

test('a plan is printed and nothing is written', async () => {
  const before = await list('.');
  const { code, stdout, stderr } = await runLowbit(
    quantize('--to', 'int8,fp16', '--dry-run', '-o', 'plan/'),
    {
      cwd,
    },
  );
  expect([code, stderr, await list('.')]).toEqual([0, '', before]);
  expect(stdout).toContain('plan only: nothing is written');
});

describe('external data', () => {
  test('lies beside the model under its name and is counted', async () => {
    await mkdir(join(cwd, 'external'));
    const { record } = await recordOf(
      quantize('--to', 'int8-weights', '--external-data', '-o', 'external/small.onnx'),
      { cwd },
    );
    expect(await list('external')).toEqual(['small.onnx', 'small.onnx_data']);
    const sizes = await Promise.all(
      ['small.onnx', 'small.onnx_data'].map(async (f) => (await stat(join(cwd, 'external', f))).size),
    );
    expect(record.outputs[0]!.file).toEqual({
      path: 'external/small.onnx',
      sizeBytes: sizes[0]! + sizes[1]!,
    });
  });
});

describe('the layout of transformers.js', () => {
  const config = { model_type: 'glyphs', 'transformers.js_config': { dtype: 'q8' } };

  async function repository(name: string): Promise<string> {
    await mkdir(join(cwd, name, 'onnx'), { recursive: true });
    await writeFile(join(cwd, name, 'onnx/model.onnx'), await readFile(glyphModel));
    await writeFile(join(cwd, name, 'config.json'), JSON.stringify(config));
    await writeFile(join(cwd, name, 'tokenizer.json'), '{}');
    await writeFile(join(cwd, name, 'notes.txt'), 'not taken');
    return `${name}/onnx/model.onnx`;
  }
  const layout = ['--layout', 'transformers.js', ...quick];

  test('names, configuration and tokenizer of a repository', async () => {
    const source = await repository('repository');
    const args = ['quantize', source, '--to', 'fp16,q8', ...layout, '-o', 'web'];
    const { code, record } = await recordOf(args, { cwd });
    expect(code).toBe(0);
    expect(await list('web')).toEqual(['config.json', 'onnx', 'tokenizer.json']);
    expect(await list('web/onnx')).toEqual(['model_fp16.onnx', 'model_quantized.onnx']);
    expect(record.outputs.map((o) => o.file!.path)).toEqual([
      'web/onnx/model_fp16.onnx',
      'web/onnx/model_quantized.onnx',
    ]);
    // Nothing to say about external data: the configuration is copied as it is.
    expect(await readFile(join(cwd, 'web/config.json'), 'utf8')).toBe(JSON.stringify(config));
  });

  test('external data is entered into the configuration; a later run adds to it', async () => {
    const source = await repository('grown');
    const run = (...args: string[]) =>
      recordOf(['quantize', source, ...layout, '-o', 'grown', ...args], { cwd });
    const entries = async () =>
      JSON.parse(await readFile(join(cwd, 'grown/config.json'), 'utf8'))['transformers.js_config'];
    expect((await run('--to', 'q8', '--external-data')).code).toBe(0);
    expect(await list('grown/onnx')).toEqual([
      'model.onnx',
      'model_quantized.onnx',
      'model_quantized.onnx_data',
    ]);
    expect(await entries()).toEqual({
      dtype: 'q8',
      use_external_data_format: { 'model_quantized.onnx': 1 },
    });
    expect((await run('--to', 'fp16', '--external-data')).code).toBe(0);
    expect((await entries()).use_external_data_format).toEqual({
      'model_quantized.onnx': 1,
      'model_fp16.onnx': 1,
    });
    // Written anew without: the entry must not send the loader after a file that is not used.
    expect((await run('--to', 'fp16', '--force')).code).toBe(0);
    expect((await entries()).use_external_data_format).toEqual({
      'model_quantized.onnx': 1,
      'model_fp16.onnx': 0,
    });
    expect(await list('grown')).toEqual(['config.json', 'notes.txt', 'onnx', 'tokenizer.json']);
  });

  test('without a configuration the folder is written and said to be incomplete', async () => {
    const { record } = await recordOf(quantize('--to', 'fp16', ...layout, '-o', 'bare'), { cwd });
    expect(await list('bare')).toEqual(['onnx']);
    expect(record.outputs[0]!.notes[0]).toBe(
      'There is no config.json beside the source model: add it, or transformers.js will not load the folder.',
    );
  });

  test('a broken configuration is refused before the work', async () => {
    const source = await repository('broken');
    await writeFile(join(cwd, 'broken/config.json'), '{');
    const { code, stderr } = await runLowbit(['quantize', source, '--to', 'fp16', ...layout, '-o', 'out'], {
      cwd,
    });
    expect([code, stderr]).toEqual([2, 'error: config.json is not JSON. Repair the file, or take it away.']);
    expect(await list('.')).not.toContain('out');
  });

  test('two presets of one name are refused, in a plan too', async () => {
    for (const more of [[], ['--dry-run']]) {
      const args = quantize('--to', 'int8,int8-dynamic', '--calibrate', 'data', ...layout, '-o', 'twice');
      const { code, stderr } = await runLowbit([...args, ...more], { cwd });
      expect(code).toBe(2);
      expect(stderr).toMatchInlineSnapshot(
        `"error: Presets 'int8' and 'int8-dynamic' would both be model_int8.onnx. Write them into different folders, or leave one out."`,
      );
      expect(await list('.')).not.toContain('twice');
    }
  });
});

describe('what is printed', () => {
  test('--json: one document and nothing else, also beside --quiet', async () => {
    for (const more of [[], ['--quiet']]) {
      const { stdout, stderr } = await runLowbit(
        quantize('--to', 'fp16', '-o', 'json.onnx', '--force', '--json', ...more),
        { cwd },
      );
      expect(JSON.parse(stdout)).toMatchObject({ schema: 1, command: 'quantize' });
      expect([stdout.startsWith('{\n'), stdout.endsWith('\n}\n'), stderr]).toEqual([true, true, '']);
    }
  });

  test('--quiet: nothing at all', async () => {
    const { code, stdout, stderr } = await runLowbit(
      quantize('--to', 'fp16', '-o', 'quiet.onnx', '--quiet'),
      { cwd },
    );
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });

  test('colours: not with NO_COLOR, not into a pipe, but when asked for', async () => {
    const control = '\u001b[';
    const args = quantize('--to', 'fp16', '--dry-run');
    const piped = await runLowbit(args, { cwd, env: { NO_COLOR: '' } });
    const none = await runLowbit(args, { cwd, env: { NO_COLOR: '1', FORCE_COLOR: '1' } });
    const forced = await runLowbit([...args, '--color'], { cwd });
    expect([piped, none, forced].map(({ stdout }) => stdout.includes(control))).toEqual([false, false, true]);
  });
});

test('a model at a URL, with what lies beside it', async () => {
  const served: Readonly<Record<string, Buffer>> = {
    '/hub/onnx/model.onnx': await readFile(glyphModel),
    '/hub/config.json': Buffer.from('{"model_type":"glyphs"}'),
  };
  const server = createServer(({ url = '' }, response) => {
    const body = served[url];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const { port } = server.address() as AddressInfo;
    const args = ['quantize', `http://127.0.0.1:${port}/hub/onnx/model.onnx`, '--to', 'q8', ...quick];
    const { code, record } = await recordOf([...args, '--layout', 'transformers.js', '-o', 'hub'], { cwd });
    expect(code).toBe(0);
    expect(record.outputs[0]!.agreement!.sameDecision).toBeGreaterThan(0.8);
    expect([await list('hub'), await list('hub/onnx')]).toEqual([
      ['config.json', 'onnx'],
      ['model_quantized.onnx'],
    ]);
    const missing = await runLowbit(['inspect', `http://127.0.0.1:${port}/none.onnx`], { cwd });
    expect([missing.code, missing.stderr]).toEqual([
      2,
      `error: There is no file http://127.0.0.1:${port}/none.onnx. Check the path.`,
    ]);
  } finally {
    server.close();
  }
});
