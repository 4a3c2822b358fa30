import { expect, test } from 'vitest';
import { formats, type Preset, presets, schemeOf } from './index.ts';

test('every preset can be carried out as it says', () => {
  for (const [name, preset] of Object.entries(presets) as [string, Preset][]) {
    expect(preset.description, name).toMatch(/\.$/);
    expect(formats).toHaveProperty(preset.weights.format);
    expect(preset.needsCalibration, name).toBe(preset.activations !== undefined);
    expect(preset.forms !== undefined, name).toBe(preset.kind === 'static' || preset.kind === 'fp8');
    expect(preset.carrier !== undefined, name).toBe(preset.kind === 'weight-only');
    if (preset.carrier === 'MatMulNBits') {
      expect(formats[preset.weights.format].minCode, name).toBe(0);
      expect([16, 32, 64, 128, 256]).toContain(preset.weights.blockSize);
    }
    if (preset.forms?.includes('qoperator')) {
      expect([8, 8], name).toEqual([
        formats[preset.weights.format].bits,
        formats[preset.activations!.format].bits,
      ]);
    }
  }
});

test('a template becomes a scheme once the axis is known', () => {
  expect(schemeOf(presets.q4.weights, 1)).toEqual({
    format: 'uint4',
    symmetric: false,
    scaleType: 'float32',
    granularity: { kind: 'per-group', axis: 1, size: 32 },
  });
  expect(schemeOf(presets.int8.weights, 0).granularity).toEqual({ kind: 'per-channel', axis: 0 });
  expect(schemeOf(presets.int8.activations, 3).granularity).toEqual({ kind: 'per-tensor' });
});
