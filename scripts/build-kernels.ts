/** Compiles every file of src/kernels/assembly to WebAssembly and embeds it in src/kernels/generated/<name>.ts. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const kept = new Set(readdirSync(source));
for (const file of readdirSync(target)) if (!kept.has(file)) rmSync(join(target, file));
for (const file of readdirSync(source)) {
  if (!file.endsWith('.ts')) continue;
  const name = file.slice(0, -'.ts'.length);
  const wasmFile = join(target, `${name}.wasm`);
  const { error, stderr } = await asc.main([join(source, file), '--outFile', wasmFile, ...options]);
  if (error) {
    process.stderr.write(`${file}: ${error.message}\n${stderr.toString()}`);
    process.exit(1);
  }
  const wasm = readFileSync(wasmFile);
  rmSync(wasmFile);
  const text = `// Made by scripts/build-kernels.ts from ../assembly/${file}.\nexport const wasm =\n  '${wasm.toString('base64')}';\n`;
  writeFileSync(join(target, `${name}.ts`), text);
  process.stdout.write(`kernel ${name}: ${wasm.length} bytes\n`);
}
