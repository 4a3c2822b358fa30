import { fail } from '../tensor/index.ts';
import type { ByteSource, Siblings } from './bytes.ts';
import { concatenate } from './concatenate.ts';
import { checkRange, memorySource } from './memory-source.ts';
import { safeLocation } from './safe-location.ts';

/**
 * Opens a URL for range requests. A server without them sends the whole file, which is then kept in memory.
 * @throws file/missing for 404 and 410, file/http for every other failure
 */
export async function openUrl(url: string | URL): Promise<{ source: ByteSource; siblings: Siblings }> {
  const base = new URL(url, globalThis.location?.href);
  return { source: await urlSource(base), siblings: siblingsOf(base) };
}

/** The files beside each other under a URL, with or without a slash at its end. */
export function urlSiblings(folder: string | URL): Siblings {
  const base = new URL(folder, globalThis.location?.href);
  base.pathname = base.pathname.replace(/\/*$/, '/');
  return siblingsOf(base);
}

const siblingsOf = (base: URL): Siblings => ({
  async open(location) {
    const path = safeLocation(location, base.href).map(encodeURIComponent).join('/');
    return urlSource(new URL(path, base));
  },
});

async function urlSource(url: URL): Promise<ByteSource> {
  const name = url.href;
  const probe = await request(name, 0, 1);
  const total = Number(/\/(\d+)$/.exec(probe.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
  if (probe.status !== 206 || !Number.isSafeInteger(total)) {
    return memorySource(new Uint8Array(await probe.arrayBuffer()), name);
  }
  await probe.arrayBuffer();
  return {
    name,
    size: total,
    async read(offset, length) {
      checkRange(name, total, offset, length);
      if (length === 0) return new Uint8Array(0);
      const response = await request(name, offset, length);
      const wrong = (sent: string) =>
        fail('file/http', { url: name, why: `it sent ${sent} where ${length} bytes were asked for` });
      const range = response.headers.get('content-range') ?? '';
      if (response.status !== 206) return wrong('something else than a range');
      if (range !== '' && !range.startsWith(`bytes ${offset}-`)) return wrong(`the range '${range}'`);
      const bytes = await bodyOf(response, length).catch((error) =>
        fail('file/http', { url: name, why: `the answer broke off (${messageOf(error)})` }, error),
      );
      if (bytes.byteLength > length) return wrong('more');
      if (bytes.byteLength < length) return wrong(`${bytes.byteLength} bytes`);
      return bytes;
    },
  };
}

/** The body, but no more of it than was asked for: the rest of an endless one is never taken. */
async function bodyOf(response: Response, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined && size <= length) {
    const { done, value } = await reader.read();
    if (done) return concatenate(chunks, size);
    chunks.push(value);
    size += value.byteLength;
  }
  await reader?.cancel();
  return concatenate(chunks, size);
}

async function request(url: string, offset: number, length: number): Promise<Response> {
  const range = `bytes=${offset}-${offset + length - 1}`;
  const response = await fetch(url, { headers: { range } }).catch((error) =>
    fail('file/http', { url, why: messageOf(error) }, error),
  );
  if (response.status === 404 || response.status === 410) fail('file/missing', { path: url });
  // 416 to the first byte: the file is empty.
  if (response.status === 416 && offset === 0) return new Response(new Uint8Array(0));
  if (!response.ok) fail('file/http', { url, why: `the server answered ${response.status}` });
  return response;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
