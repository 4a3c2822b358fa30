import { elementCount, fail, lookUp, type Tensor } from '../tensor/index.ts';
import type { Feeds, PortInfo } from './runtime.ts';

/**
 * Holds feeds against the inputs of a model before ONNX Runtime sees them.
 * Named dimensions take any size.
 * @throws runtime/input-mismatch for a missing or unknown name, another type, another shape, a wrong count.
 */
export function checkFeeds(model: string, inputs: readonly PortInfo[], feeds: Feeds): void {
  const known = new Map(inputs.map((port) => [port.name, port]));
  for (const name of Object.keys(feeds)) {
    if (known.has(name)) continue;
    const names = inputs.map((port) => `'${port.name}'`).join(', ');
    fail('runtime/input-mismatch', { model, input: name, got: 'a tensor', wanted: `one of ${names}` });
  }
  for (const port of inputs) {
    const t = feeds[port.name];
    const wanted = describe(port.dtype, port.shape);
    if (t === undefined) fail('runtime/input-mismatch', { model, input: port.name, got: 'nothing', wanted });
    const fits = t.dtype === port.dtype && shapeFits(t.dims, port.shape);
    if (!fits) {
      fail('runtime/input-mismatch', { model, input: port.name, got: describe(t.dtype, t.dims), wanted });
    }
    checkLength(model, port.name, t);
  }
}

/** @throws name/unknown listing the model's outputs. */
export function checkOutputs(outputs: readonly PortInfo[], asked: readonly string[]): void {
  const known = Object.fromEntries(outputs.map((port) => [port.name, true]));
  for (const name of asked) lookUp('output', known, name);
}

function shapeFits(dims: readonly number[], shape: PortInfo['shape']): boolean {
  return (
    dims.length === shape.length && shape.every((want, i) => typeof want === 'string' || want === dims[i])
  );
}

function checkLength(model: string, input: string, t: Tensor): void {
  const count = elementCount(t.dims);
  if (t.data.length === count && t.dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return;
  const got = `${t.data.length} elements`;
  const wanted = `${count} for shape ${describe(t.dtype, t.dims)}`;
  fail('runtime/input-mismatch', { model, input, got, wanted });
}

/** 'float32 [batch, 1, 28, 28]'; '?' for a dimension with neither size nor name. */
function describe(dtype: string, shape: readonly (number | string)[]): string {
  return `${dtype} [${shape.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
}
