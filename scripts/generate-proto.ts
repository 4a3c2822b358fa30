/** Makes src/files/onnx/generated from onnx.proto: buf and protoc-gen-es from node_modules, no network. */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

const template = {
  version: 'v2',
  plugins: [
    {
      local: [bin('protoc-gen-es')],
      out: 'src/files/onnx/generated',
      opt: ['target=ts', 'import_extension=ts'],
    },
  ],
};
const input = { version: 'v2', modules: [{ path: 'src/files/onnx' }] };

execFileSync(
  bin('buf'),
  [
    'generate',
    '--template',
    JSON.stringify(template),
    '--config',
    JSON.stringify(input),
    '--path',
    'src/files/onnx/onnx.proto',
  ],
  { cwd: root, stdio: 'inherit' },
);
