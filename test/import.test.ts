/** Importing lowbit is cheap: no engine, no wasm, no image library, before something is asked of it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { glyphModel, projectRoot } from './run-lowbit.ts';

/** Every module that a child process resolves while it runs `code`, and whether it compiled wasm. */
async function loadedBy(code: string): Promise<{ modules: string[]; compiled: number }> {
  const hooks = `
    import { workerData } from 'node:worker_threads';
    let port;
    export async function initialize(data) { port = data.port; }
    export async function load(url, context, next) { port.postMessage(url); return next(url, context); }
  `;
  const script = `
    import { register } from 'node:module';
    import { MessageChannel } from 'node:worker_threads';
    const { port1, port2 } = new MessageChannel();
    const modules = [];
    port1.on('message', (url) => modules.push(url));
    port1.unref();
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}), {
      parentURL: import.meta.url, data: { port: port2 }, transferList: [port2],
    });
    let compiled = 0;
    for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming']) {
      const own = WebAssembly[name];
      WebAssembly[name] = (...args) => { compiled++; return own(...args); };
    }
    for (const name of ['Module', 'Instance']) {
      WebAssembly[name] = new Proxy(WebAssembly[name], {
        construct(target, args) { compiled++; return new target(...args); },
      });
    }
    ${code}
    await new Promise((done) => setTimeout(done, 50));
    const native = Object.keys((await import('node:module')).createRequire(import.meta.url).cache);
    console.log(JSON.stringify({ modules: [...modules, ...native], compiled }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: projectRoot,
  });
  return JSON.parse(stdout);
}

const heavy = /onnxruntime|sharp|\.wasm$|\.node$|transformers/;

const { exports } = JSON.parse(readFileSync(`${projectRoot}/package.json`, 'utf8')) as {
  exports: Record<string, unknown>;
};
const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'));

test.each(entries)("importing 'lowbit' at %s loads no engine and compiles no wasm", async (entry) => {
  const specifier = entry.replace(/^\./, 'lowbit');
  const { modules, compiled } = await loadedBy(`await import('${specifier}');`);
  expect(modules.some((url) => url.includes('/dist/src/'))).toBe(true);
  expect(modules.filter((url) => heavy.test(url))).toEqual([]);
  expect(compiled).toBe(0);
});

test('reading a model needs no engine either', async () => {
  const { modules, compiled } = await loadedBy(
    `const { inspect } = await import('lowbit'); await inspect(${JSON.stringify(glyphModel)});`,
  );
  expect(modules.filter((url) => heavy.test(url))).toEqual([]);
  expect(compiled).toBe(0);
});

test('the way of looking sees what is there', async () => {
  const { modules, compiled } = await loadedBy(
    `const { createRequire } = await import('node:module');
     await import('onnxruntime-common');
     await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));`,
  );
  expect(modules.some((url) => heavy.test(url))).toBe(true);
  expect(compiled).toBe(1);
});
