import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['lowbit-source', 'node'] },
  ssr: { resolve: { conditions: ['lowbit-source', 'node'], externalConditions: ['node'] } },
  test: {
    include: ['src/**/*.test.ts', 'apps/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // ONNX Runtime uses every core by itself: more files at once only slow each other.
    maxWorkers: 2,
    pool: 'forks',
    // Tests that load onnxruntime-node themselves; lowbit sets it where it does.
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
});
