import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '../..');
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Bundles the test page as a user's Vite would: lowbit by its exports, the browser's side of its imports. */
export async function buildPage(outDir: string): Promise<void> {
  const face = (name: string) => join(root, 'dist/src', name);
  await build({
    root: join(import.meta.dirname, 'page'),
    configFile: false,
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, target: 'es2023' },
    worker: { format: 'es' },
    resolve: {
      alias: [
        { find: /^lowbit$/, replacement: face('index.js') },
        { find: /^lowbit\/(.*)$/, replacement: face('$1/index.js') },
      ],
    },
  });
}

/** Serves the built page and the glyph model on a free port of this machine. */
export async function servePage(outDir: string): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file =
      path === '/glyphs.onnx'
        ? join(root, 'examples/glyphs/glyphs.onnx')
        : join(outDir, path === '/' ? 'index.html' : path);
    try {
      const body = await readFile(file);
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/`, server };
}
