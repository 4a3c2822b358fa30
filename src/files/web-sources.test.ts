import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobSiblings, blobSource, openUrl } from './index.ts';

/** The sources of a page; Node has Blob and fetch too, so they are tested here. */

const content = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);

describe('blobs', () => {
  test('are read by range', async () => {
    const source = blobSource(new File([content], 'm.onnx'));
    expect([source.name, source.size]).toEqual(['m.onnx', 1000]);
    expect(await source.read(500, 3)).toEqual(content.slice(500, 503));
    await expect(source.read(999, 2)).rejects.toThrow('m.onnx has 1000 bytes, but 2 at offset 999');
  });

  test('are found by name', async () => {
    const siblings = blobSiblings(new Map([['m.onnx_data', new Blob([content])]]));
    expect((await siblings.open('./m.onnx_data')).size).toBe(1000);
    await expect(siblings.open('other')).rejects.toThrow('There is no file other. Check the path.');
    await expect(siblings.open('../m.onnx_data')).rejects.toThrow("it holds '..'");
  });
});

describe('URLs', () => {
  let server: Server;
  let base: string;
  const requests: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(`${request.url} ${request.headers.range}`);
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
      if (request.url === '/none.onnx') response.writeHead(404).end();
      else if (request.url === '/broken.onnx') response.writeHead(500).end();
      else if (request.url === '/whole.onnx' || range === null) response.end(content);
      else {
        const [from, to] = [Number(range[1]), Number(range[2])];
        response.writeHead(206, { 'content-range': `bytes ${from}-${to}/1000` });
        response.end(content.subarray(from, to + 1));
      }
    }).listen(0);
    await new Promise((done) => server.once('listening', done));
    base = `http://localhost:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  test('are read by range', async () => {
    const { source, siblings } = await openUrl(`${base}/models/m.onnx`);
    expect(source.size).toBe(1000);
    expect(await source.read(100, 4)).toEqual(content.slice(100, 104));
    expect(await source.read(1000, 0)).toEqual(new Uint8Array(0));
    await siblings.open('m.onnx_data');
    expect(requests).toEqual([
      '/models/m.onnx bytes=0-0',
      '/models/m.onnx bytes=100-103',
      '/models/m.onnx_data bytes=0-0',
    ]);
    await expect(siblings.open('https://elsewhere/x')).rejects.toThrow('it holds a colon');
  });

  test('come whole from a server without ranges', async () => {
    const { source } = await openUrl(`${base}/whole.onnx`);
    expect(await source.read(10, 2)).toEqual(content.slice(10, 12));
  });

  test('that fail say so', async () => {
    const message = (path: string) =>
      openUrl(base + path).catch((e: Error) => e.message.replace(base, '<server>'));
    expect(await message('/none.onnx')).toMatchInlineSnapshot(
      `"There is no file <server>/none.onnx. Check the path."`,
    );
    expect(await message('/broken.onnx')).toMatchInlineSnapshot(
      `"<server>/broken.onnx could not be loaded: the server answered 500. Check the address and the connection."`,
    );
  });
});
