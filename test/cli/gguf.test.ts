/** What a user of GGUF files sees: what is in them, what would be made, what was wrong. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WeightsSummary } from 'lowbit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syntheticLlama, writeModel } from '../../bench/synthetic-llama.ts';
import { recordOf, runLowbit } from '../run-lowbit.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lowbit-gguf-cli-'));
  const sizes = { layers: 1, width: 256, ffn: 512, heads: 4, keyHeads: 2, vocabulary: 512 };
  await writeModel(join(cwd, 'tiny-f16.gguf'), syntheticLlama(sizes));
});
afterAll(() => rm(cwd, { recursive: true }));

const stdoutOf = async (...args: string[]) => {
  const { code, stdout, stderr } = await runLowbit(args, { cwd });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

test('inspect: metadata, types, bits per weight, tensors', async () => {
  expect(await stdoutOf('inspect', 'tiny-f16.gguf')).toMatchInlineSnapshot(`
    "tiny-f16.gguf  1.72 MB
      kind          GGUF, F16
      architecture  llama
      parameters    852,736 in 1.71 MB: 16.01 bits per weight

      metadata
      general.architecture                    llama
      general.name                            synthetic
      llama.block_count                       1
      llama.context_length                    512
      llama.embedding_length                  256
      llama.feed_forward_length               512
      llama.attention.head_count              4
      llama.attention.head_count_kv           2
      llama.attention.layer_norm_rms_epsilon  0.00001
      llama.rope.dimension_count              64
      llama.vocab_size                        512
      general.file_type                       1
      tokenizer.ggml.model                    llama
      tokenizer.ggml.tokens                   512 string: <unk>, <s>, </s>, <0x00>, <0x01>, <0x02>, <0x…
      tokenizer.ggml.scores                   512 float32: 0, -1, -2, -3, -4, -5, -6, -7, ...
      tokenizer.ggml.token_type               512 int32: 2, 3, 3, 6, 6, 6, 6, 6, ...
      tokenizer.ggml.bos_token_id             1
      tokenizer.ggml.eos_token_id             2
      tokenizer.ggml.unknown_token_id         0

      stored as  tensors   values     size   of all
      F16              9  851,968  1.70 MB  99.82 %
      F32              3      768  3.07 kB   0.18 %

      largest tensors        shape             size
      token_embd.weight      F16 [512, 256]  262 kB
      output.weight          F16 [512, 256]  262 kB
      blk.0.ffn_gate.weight  F16 [512, 256]  262 kB
      blk.0.ffn_up.weight    F16 [512, 256]  262 kB
      blk.0.ffn_down.weight  F16 [256, 512]  262 kB
    "
  `);
  const all = await stdoutOf('inspect', 'tiny-f16.gguf', '--tensors');
  expect(all.match(/^ {2}blk\.0\./gm)).toHaveLength(9);
  const summary = JSON.parse(await stdoutOf('inspect', 'tiny-f16.gguf', '--json')) as WeightsSummary;
  expect(summary).toMatchObject({
    schema: 1,
    container: 'gguf',
    architecture: 'llama',
    fileType: 'F16',
    tensors: 12,
  });
});

test('a plan: sizes, types, every tensor', async () => {
  const args = ['quantize', 'tiny-f16.gguf', '--to', 'gguf:q4_k_m,gguf:Q8_0', '--tensor-type', 'attn_q=q5_k'];
  expect(await stdoutOf(...args, '--dry-run', '--tensors')).toMatchInlineSnapshot(`
    "tiny-f16.gguf  1.72 MB
      plan only: nothing is written

                size         bits per weight  file
      Q4_K_M  580 kB  0.34x             5.31  tiny.Q4_K_M.gguf
      Q8_0    897 kB  0.52x             8.29  tiny.Q8_0.gguf

    Q4_K_M
      stored as  tensors   values     size   of all
      Q4_K             5  491,520   276 kB  48.80 %
      Q6_K             3  294,912   242 kB  42.70 %
      Q5_K             1   65,536  45.1 kB   7.95 %
      F32              3      768  3.07 kB   0.54 %

      tensor                    shape       from  to       size
      output.weight             [512, 256]  F16   Q6_K   108 kB
      output_norm.weight        [256]       F32   F32   1.02 kB
      token_embd.weight         [512, 256]  F16   Q4_K  73.7 kB
      blk.0.attn_k.weight       [128, 256]  F16   Q4_K  18.4 kB
      blk.0.attn_norm.weight    [256]       F32   F32   1.02 kB
      blk.0.attn_output.weight  [256, 256]  F16   Q4_K  36.9 kB
      blk.0.attn_q.weight       [256, 256]  F16   Q5_K  45.1 kB
      blk.0.attn_v.weight       [128, 256]  F16   Q6_K  26.9 kB
      blk.0.ffn_down.weight     [256, 512]  F16   Q6_K   108 kB
      blk.0.ffn_gate.weight     [512, 256]  F16   Q4_K  73.7 kB
      blk.0.ffn_norm.weight     [256]       F32   F32   1.02 kB
      blk.0.ffn_up.weight       [512, 256]  F16   Q4_K  73.7 kB

    Q8_0
      stored as  tensors   values     size   of all
      Q8_0             8  786,432   836 kB  94.55 %
      Q5_K             1   65,536  45.1 kB   5.10 %
      F32              3      768  3.07 kB   0.35 %

      tensor                    shape       from  to       size
      output.weight             [512, 256]  F16   Q8_0   139 kB
      output_norm.weight        [256]       F32   F32   1.02 kB
      token_embd.weight         [512, 256]  F16   Q8_0   139 kB
      blk.0.attn_k.weight       [128, 256]  F16   Q8_0  34.8 kB
      blk.0.attn_norm.weight    [256]       F32   F32   1.02 kB
      blk.0.attn_output.weight  [256, 256]  F16   Q8_0  69.6 kB
      blk.0.attn_q.weight       [256, 256]  F16   Q5_K  45.1 kB
      blk.0.attn_v.weight       [128, 256]  F16   Q8_0  34.8 kB
      blk.0.ffn_down.weight     [256, 512]  F16   Q8_0   139 kB
      blk.0.ffn_gate.weight     [512, 256]  F16   Q8_0   139 kB
      blk.0.ffn_norm.weight     [256]       F32   F32   1.02 kB
      blk.0.ffn_up.weight       [512, 256]  F16   Q8_0   139 kB
    "
  `);
  expect(await readdir(cwd)).toEqual(['tiny-f16.gguf']);
});

test('a run: files named after the model and their types, the record on request', async () => {
  const { code, record } = await recordOf(['quantize', 'tiny-f16.gguf', '--to', 'gguf:q8_0'], { cwd });
  expect(code).toBe(0);
  expect(record.outputs[0]).toMatchObject({
    preset: 'gguf:Q8_0',
    status: 'done',
    file: { path: 'tiny.Q8_0.gguf' },
  });
  const text = await stdoutOf('convert', 'tiny-f16.gguf', '--to', 'gguf:bf16,gguf:f32', '-o', 'floats/');
  const plain = text
    .replaceAll(/\d+\.\d s|[\d.]+ [kM]B\/s|\d+ threads? on .*/g, '<...>')
    .replaceAll(/(?<=\S) +/g, ' ');
  expect(plain).toMatchInlineSnapshot(`
    "tiny-f16.gguf 1.72 MB
      <...>

               size bits per weight time speed file
      BF16 1.72 MB 1.00x 16.01 <...> <...> floats/tiny.BF16.gguf
      F32 3.42 MB 1.99x 32.00 <...> <...> floats/tiny.F32.gguf

    BF16
      stored as tensors values size of all
      BF16 9 851,968 1.70 MB 99.82 %
      F32 3 768 3.07 kB 0.18 %

    F32
      stored as tensors values size of all
      F32 12 852,736 3.41 MB 100.00 %

    done in <...>
    "
  `);
  expect((await readdir(join(cwd, 'floats'))).sort()).toEqual(['tiny.BF16.gguf', 'tiny.F32.gguf']);
  expect(text).not.toContain('\u001b');
});

test('--json: an error is the one document on stdout, and words on stderr', async () => {
  for (const [args, code, details] of [
    [['inspect', 'none.gguf'], 'file/missing', { path: 'none.gguf' }],
    [['convert', 'tiny-f16.gguf', '--serch', 'x'], 'flag/unknown', { command: 'convert', got: '--serch' }],
    [['nothing'], 'command/unknown', { got: 'nothing' }],
  ] as const) {
    const { code: exit, stdout, stderr } = await runLowbit([...args, '--json'], { cwd });
    expect(exit).toBe(2);
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ code, details });
    expect(stderr).toBe(`error: ${error.message}`);
  }
});

test('presets lists the file types', async () => {
  const text = await stdoutOf('presets');
  expect(text).toMatch(/^gguf {2,}as stored/m);
  expect(text).toMatch(
    /^gguf:Q4_K_M +Q4_K +4\.50 {2}4-bit k-quants, with 6 bits where it matters: the usual choice\.$/m,
  );
});

test('what a command line can get wrong', async () => {
  const lines = [
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:q4_m'],
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:Q4_K_M', '--tensor-type', 'ffn_down'],
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:Q4_K_M', '--tensor-type', 'ffn_down=q4_kk'],
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:Q4_K_M', '--serch', 'best'],
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:Q4_K_M', '--imatrix', 'none.gguf'],
    ['quantize', 'tiny-f16.gguf', '--to', 'gguf:IQ1_S'],
    ['quantize', 'tiny-f16.gguf', '--to', 'int8-dynamic'],
    ['quantize', 'none.gguf', '--to', 'gguf:Q8_0'],
    ['quantize', '.', '--to', 'gguf:Q8_0'],
    ['convert', 'tiny-f16.gguf'],
    ['convert', 'tiny-f16.gguf', '--to', 'q8'],
    ['convert', 'tiny-f16.gguf', '--to', 'gguf', '--split-max-size', '2'],
    ['convert', 'tiny-f16.gguf', '--to', 'gguf', '-o', 'tiny-f16.gguf', '-f'],
  ];
  const said: string[] = [];
  for (const line of lines) {
    const { code, stdout, stderr } = await runLowbit(line, { cwd });
    expect([code, stdout], line.join(' ')).toEqual([2, '']);
    said.push(stderr.replace(/Known: .*/, 'Known: ...'));
  }
  expect(said.join('\n')).toMatchInlineSnapshot(`
    "error: Unknown GGUF file type 'Q4_M'. Did you mean 'Q4_0'? Known: ...
    error: --tensor-type wants pattern=type, got 'ffn_down'.
    error: Unknown tensor type 'Q4_KK'. Did you mean 'Q4_K'? Known: ...
    error: lowbit quantize has no flag '--serch'. Did you mean '--search'? See lowbit quantize --help.
    error: There is no file none.gguf. Check the path.
    error: gguf:IQ1_S makes IQ1_S of tensor 'blk.0.attn_k.weight' and such of 5 more, which is worthless without an importance matrix, and none was given. Give one with --imatrix (llama-imatrix computes them), or choose a file type with more bits, such as gguf:Q3_K_M.
    error: tiny-f16.gguf is not an ONNX model: it is a GGUF file. Give a .onnx file.
    error: There is no file none.gguf. Check the path.
    error: There is no model in .: it has no config.json. Give a Hugging Face folder (config.json, tokenizer, safetensors) or a .gguf file; if it is the model, name the file itself: tiny-f16.gguf, tiny.Q8_0.gguf.
    error: lowbit convert needs --to: 'lowbit convert tiny-f16.gguf --to gguf:f16'. See lowbit convert --help.
    error: The recipe is not valid:
      to: q8 is made by quantize, and is no file to convert to; wanted gguf, gguf:<type>, lowbit, onnx or safetensors:<scheme or float type>
    error: The recipe is not valid:
      splitMaxSize: '2' is no size; wanted such as 500M, 2G (powers of ten) or 512MiB
    error: tiny-f16.gguf is the model that is being read: it is never replaced, not even with --force. Choose another name."
  `);
  expect((await readdir(cwd)).filter((name) => name.startsWith('.'))).toEqual([]);
});
