import { seededRandom } from 'lowbit/tensor';
import { describe, expect, test } from 'vitest';
import type { BlockTwin } from './block-twin.ts';
import { iq4_nl, iq4_nlBlock } from './iq4_nl.ref.ts';
import { iq4_xs, iq4_xsBlock } from './iq4_xs.ref.ts';
import { q3_k, q3_kBlock } from './q3_k.ref.ts';
import { q6_k, q6_kBlock } from './q6_k.ref.ts';

/** What a method that chooses codes one by one uses of a type; the scales are the type's own. */
interface Parts<Scales> {
  fit(values: Float32Array, weights: Float32Array | undefined): Scales;
  round(value: number, scales: Scales, index: number): number;
  value(code: number, scales: Scales, index: number): number;
  pack(scales: Scales, codes: Uint8Array, out: Uint8Array): void;
}
interface Row {
  readonly name: string;
  readonly block: number;
  readonly bytes: number;
  readonly codes: number;
  readonly twin: BlockTwin;
  readonly parts: Parts<unknown>;
}
const rows: readonly Row[] = [
  { name: 'q3_k', block: 256, bytes: 110, codes: 8, twin: q3_k, parts: q3_kBlock as Parts<unknown> },
  { name: 'q6_k', block: 256, bytes: 210, codes: 64, twin: q6_k, parts: q6_kBlock as Parts<unknown> },
  { name: 'iq4_xs', block: 256, bytes: 136, codes: 16, twin: iq4_xs, parts: iq4_xsBlock as Parts<unknown> },
  { name: 'iq4_nl', block: 32, bytes: 18, codes: 16, twin: iq4_nl, parts: iq4_nlBlock as Parts<unknown> },
];

/** About normal, with a few values far out. */
function sample(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const sum = () => random() + random() + random() + random() - 2;
  return Float32Array.from({ length: count }, (_, i) => 0.05 * sum() * (i % 71 === 3 ? 5 : 1));
}

describe.each(rows)('$name', ({ block, bytes, codes: count, twin, parts }) => {
  const x = sample(block, 1);
  const weights = sample(block, 2).map((v) => v * v);

  const encode = (values: Float32Array, w: Float32Array | undefined) => {
    const out = new Uint8Array(bytes);
    twin.encode(values, w, 'best', out);
    const decoded = new Float32Array(block);
    twin.decode(out, decoded);
    return { out, decoded };
  };
  const error = (values: Float32Array, decoded: Float32Array) =>
    values.reduce((sum, v, i) => sum + (v - decoded[i]!) ** 2, 0);

  test.each([
    ['without weights', undefined],
    ['with weights', weights],
  ])('best search is fit, round and pack, %s', (_, w) => {
    const scales = parts.fit(x, w);
    const codes = Uint8Array.from(x, (v, i) => parts.round(v, scales, i));
    const packed = new Uint8Array(bytes);
    parts.pack(scales, codes, packed);
    const { out, decoded } = encode(x, w);
    expect(packed).toEqual(out);
    expect([...codes].map((code, i) => parts.value(code, scales, i))).toEqual([...decoded]);
  });

  test('a code is the nearest, also of values beyond the block', () => {
    const scales = parts.fit(x, undefined);
    for (let i = 0; i < block; i++) {
      const v = x[i]! * (i % 3 === 0 ? 40 : 1);
      const distance = (code: number) => Math.abs(v - parts.value(code, scales, i));
      const least = Math.min(...Array.from({ length: count }, (_, code) => distance(code)));
      expect(distance(parts.round(v, scales, i))).toBeLessThanOrEqual(least * (1 + 1e-5));
    }
  });

  test('zeros stay zeros', () => {
    expect([...encode(new Float32Array(block), undefined).decoded].every((v) => v === 0)).toBe(true);
    expect([...encode(new Float32Array(block), weights).decoded].every((v) => v === 0)).toBe(true);
  });

  test('values that no weight looks at are rounded as if all were equal', () => {
    const none = error(x, encode(x, new Float32Array(block)).decoded);
    const equal = error(x, encode(x, undefined).decoded);
    expect(none).toBeLessThan(1.1 * equal);
  });

  test('values that float16 scales barely reach keep what can be kept', () => {
    for (const magnitude of [1e-4, 1e-5, 1e-6]) {
      const small = x.map((v) => v * magnitude);
      expect(error(small, encode(small, undefined).decoded)).toBeLessThanOrEqual(
        error(small, new Float32Array(block)),
      );
    }
  });

  test('values beyond float16 are cut, not infinite', () => {
    const large = x.map((v) => v * 1e9);
    expect([...encode(large, undefined).decoded].every(Number.isFinite)).toBe(true);
  });
});
