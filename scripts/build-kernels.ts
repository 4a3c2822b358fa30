/** Compiles every file of src/kernels/assembly to WebAssembly and embeds it in src/kernels/generated/<name>.ts. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const root = resolve(import.meta.dirname, '..', '..');
const source = join(root, 'src/kernels/assembly');
const target = join(root, 'src/kernels/generated');

const options = [
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
  '--noAssert',
  '--runtime',
  'stub',
  // Baseline SIMD only: relaxed SIMD may fuse a multiply and an add, and the bits would differ between machines.
  '--enable',
  'simd',
];

mkdirSync(target, { recursive: true });
const files = readdirSync(source).filter((file) => file.endsWith('.ts'));
for (const file of readdirSync(target)) if (!files.includes(file)) rmSync(join(target, file));

const shared = readdirSync(join(source, 'shared')).map((file) => readFileSync(join(source, 'shared', file)));
/** What a module is made of: unchanged modules are not compiled again. */
function fingerprint(file: string): string {
  const hash = createHash('sha256').update(JSON.stringify([asc.version, options]));
  for (const text of [readFileSync(join(source, file)), ...shared]) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}

// Names on the command line choose modules; without any, all.
const wanted = process.argv.slice(2);
for (const file of files) {
  const name = file.slice(0, -'.ts'.length);
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const output = join(target, `${name}.ts`);
  const heading = `// Made by scripts/build-kernels.ts from ../assembly/${file}, ${fingerprint(file)}.\n`;
  if (existsSync(output) && readFileSync(output, 'utf8').startsWith(heading)) continue;
  const wasmFile = join(target, `${name}.wasm`);
  const { error, stderr } = await asc.main([join(source, file), '--outFile', wasmFile, ...options]);
  if (error) {
    process.stderr.write(`${file}: ${error.message}\n${stderr.toString()}`);
    process.exit(1);
  }
  const wasm = readFileSync(wasmFile);
  rmSync(wasmFile);
  writeFileSync(output, `${heading}export const wasm =\n  '${wasm.toString('base64')}';\n`);
  process.stdout.write(`kernel ${name}: ${wasm.length} bytes\n`);
}
