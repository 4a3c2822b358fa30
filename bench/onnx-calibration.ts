import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { projectFile } from '../examples/glyphs/project-file.ts';
import { assetFolder, mobilenetv2, present } from './models.ts';
import { mb, publish, type Row } from './table.ts';

const exec = promisify(execFile);
const sampleCounts = [100, 1000];
const observers = ['min-max', 'entropy'];

interface Job {
  readonly seconds: number;
  readonly peakRssBytes: number;
}

async function lastJson(command: string, args: readonly string[]): Promise<Job & { version?: string }> {
  const { stdout } = await exec(command, [...args], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

export default async function run(): Promise<void> {
  if (present([mobilenetv2]).length === 0) return;
  const rows: Row[] = [];
  const add = (tool: string, samples: number, job: Job) => {
    rows.push({
      tool,
      pictures: String(samples),
      seconds: job.seconds.toFixed(1),
      'peak memory MB': mb(job.peakRssBytes),
    });
    console.log(`${tool}, ${samples} pictures: ${job.seconds.toFixed(1)} s, ${mb(job.peakRssBytes)} MB`);
  };
  const script = fileURLToPath(new URL('./calibration-job.js', import.meta.url));
  for (const observer of observers) {
    for (const samples of sampleCounts) {
      add(
        `lowbit (${observer})`,
        samples,
        await lastJson(process.execPath, [script, String(samples), observer]),
      );
    }
  }
  await runRival(add);
  publish('onnx-calibration', rows);
}

/** onnxruntime.quantization, where a Python that has it is named by LOWBIT_PYTHON or found as python3. */
async function runRival(add: (tool: string, samples: number, job: Job) => void): Promise<void> {
  const python = process.env.LOWBIT_PYTHON ?? 'python3';
  try {
    await exec(python, ['-c', 'import onnxruntime.quantization']);
  } catch {
    console.log(
      `skipped onnxruntime.quantization: ${python} does not have it (pip install onnxruntime onnx; LOWBIT_PYTHON names another Python)`,
    );
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'lowbit-bench-'));
  try {
    for (const samples of sampleCounts) {
      const job = await lastJson(python, [
        projectFile('bench/rivals/onnxruntime_static.py'),
        mobilenetv2.file,
        join(assetFolder, 'cifar10/calib-1000.images.u8'),
        String(samples),
        join(folder, 'int8.onnx'),
      ]);
      add(`onnxruntime.quantization ${job.version} (min-max)`, samples, job);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
