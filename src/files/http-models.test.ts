import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { everyMetadata, everyTensor, randomTensor } from './gguf/every-type.test-data.ts';
import { openGguf } from './gguf/open-gguf.ts';
import { splitGguf } from './gguf/split-gguf.ts';
import { writeGguf } from './gguf/write-gguf.ts';
import { openUrl, urlSiblings } from './http-source.web.ts';
import { memoryFolder } from './memory-folder.ts';
import { openSafetensorsFolder } from './safetensors/open-folder.ts';
import { openSafetensors } from './safetensors/open-safetensors.ts';
import { writeSafetensorsFolder } from './safetensors/write-safetensors.ts';

/** Models on a server: the header and the rows that are asked for come over the line, nothing else. */

let server: Server;
let base: string;
let sentBytes = 0;
const folder = memoryFolder();
const large = randomTensor('large.weight', [4096, 1024], 'float16', 1);

beforeAll(async () => {
  const write = async (name: string, model: Parameters<typeof writeGguf>[1]) => {
    const sink = await folder.open(name);
    await writeGguf(sink, model, { padEmpty: true });
    await sink.commit();
  };
  await write('whole.gguf', { metadata: everyMetadata, tensors: [...everyTensor, large] });
  for (const shard of splitGguf(everyMetadata, [...everyTensor, large], {
    prefix: 'a b',
    maxBytes: 2 ** 20,
  })) {
    await write(shard.name, shard);
  }
  const plain = everyTensor.filter(({ type }) => type === 'float32' || type === 'int8');
  await writeSafetensorsFolder(folder, [...plain, large], { maxShardBytes: 2 ** 20 });
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    const bytes = folder.files.get(decodeURIComponent(url.pathname.slice(1)));
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    if (bytes === undefined || range === null) return void response.writeHead(404).end();
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.byteLength - 1)];
    const lie = url.searchParams.get('lie');
    const sent =
      lie === 'more' && to > from
        ? Buffer.concat([bytes.subarray(from, to + 1), Buffer.alloc(2 ** 24)])
        : bytes.subarray(from, to + 1 - Number(lie === 'less' && to > from));
    sentBytes += sent.byteLength;
    const first = lie === 'elsewhere' && to > from ? from + 1 : from;
    response.writeHead(206, { 'content-range': `bytes ${first}-${to}/${bytes.byteLength}` });
    if (lie === 'cut' && to > from) response.write(sent.subarray(0, 100), () => response.destroy());
    else response.end(sent);
  }).listen(0);
  await new Promise((done) => server.once('listening', done));
  base = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  sentBytes = 0;
});

test('a GGUF file: its header, and one row of 2 kB out of 8 MB', async () => {
  const { source, siblings } = await openUrl(`${base}/whole.gguf?download=true`);
  const file = await openGguf(source, siblings);
  expect(file.metadata).toEqual(everyMetadata);
  expect(sentBytes).toBeLessThan(2 ** 17);
  const tensor = file.tensors.at(-1)!;
  expect(await tensor.read(100, 101)).toEqual(await large.read(100, 101));
  expect(sentBytes).toBeLessThan(2 ** 17);
});

test('a split model, by its second file', async () => {
  const { source, siblings } = await openUrl(`${base}/a%20b-00002-of-00002.gguf?download=true`);
  const file = await openGguf(source, siblings);
  expect(file.shards).toBe(2);
  expect(file.tensors).toHaveLength(everyTensor.length + 1);
  expect(await file.tensors.at(-1)!.read(4095, 4096)).toEqual(await large.read(4095, 4096));
  expect(sentBytes).toBeLessThan(2 ** 18);
});

test('safetensors: one file, and a folder with an index', async () => {
  const { source } = await openUrl(`${base}/model-00002-of-00002.safetensors`);
  const one = await openSafetensors(source);
  expect(await one.tensors.get('large.weight')!.read(7, 9)).toEqual(await large.read(7, 9));
  const file = await openSafetensorsFolder(urlSiblings(base));
  expect(file.shards).toBe(2);
  expect(await file.tensors.get('large.weight')!.read(0, 1)).toEqual(await large.read(0, 1));
  expect(sentBytes).toBeLessThan(2 ** 18);
});

test('a server that sends other bytes than it was asked for', async () => {
  const message = async (lie: string) => {
    const { source } = await openUrl(`${base}/whole.gguf?lie=${lie}`);
    return openGguf(source).then(String, (error) =>
      error.message.replace(base, '<server>').replace(/off \(.*\)/, 'off'),
    );
  };
  const messages = [await message('more'), await message('less'), await message('elsewhere')];
  messages.push(await message('cut'));
  expect(messages).toMatchInlineSnapshot(`
    [
      "<server>/whole.gguf?lie=more could not be loaded: it sent more where 65536 bytes were asked for. Check the address and the connection.",
      "<server>/whole.gguf?lie=less could not be loaded: it sent 65535 bytes where 65536 bytes were asked for. Check the address and the connection.",
      "<server>/whole.gguf?lie=elsewhere could not be loaded: it sent the range 'bytes 1-65535/8413600' where 65536 bytes were asked for. Check the address and the connection.",
      "<server>/whole.gguf?lie=cut could not be loaded: the answer broke off. Check the address and the connection.",
    ]
  `);
});
