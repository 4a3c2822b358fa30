import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fail } from '../tensor/index.ts';
import { cpuHasVnni } from './cpu-features.ts';
import type { MemoryReply, MemoryRequest, RuntimePlatform } from './platform.ts';
import type { Reply, Request, WorkerChannel, WorkerStart } from './protocol.ts';
import type { Capabilities, RuntimeName } from './runtime.ts';
import { askToStop, createGate, type GateState, waitUntilOutside } from './worker-gate.ts';

/**
 * The built file of a script that runs in a thread or process of its own. Node 20 runs no TypeScript, so
 * from source the build under dist/ is used. @throws runtime/not-built
 */
export function builtScript(name: string): string {
  const here = fileURLToPath(import.meta.url);
  const folder = dirname(here);
  const path = here.endsWith('.ts')
    ? join(folder, '..', '..', 'dist', 'src', 'runtime', `${name}.js`)
    : join(folder, `${name}.js`);
  if (!existsSync(path)) fail('runtime/not-built', { path });
  return path;
}

/**
 * onnxruntime-node 1.30 on Linux has Microsoft's telemetry inside: it keeps a database in the user's cache folder
 * to upload from, and leaves a log in the temporary one. It reads this variable when it is loaded, from the
 * process: what a worker sets in its own `process.env` does not reach it. Whoever set it already is obeyed.
 */
function declineTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

/** Gates of the native workers that live. */
const gates = new Set<GateState>();

/** Ending the process ends its threads; it waits for those that are inside native code. */
function watch(gate: GateState): void {
  if (gates.size === 0) process.on('exit', waitForAll);
  gates.add(gate);
}

function unwatch(gate: GateState): void {
  gates.delete(gate);
  if (gates.size === 0) process.off('exit', waitForAll);
}

function waitForAll(): void {
  for (const gate of gates) waitUntilOutside(gate);
}

function startWorker(start: WorkerStart): WorkerChannel {
  declineTelemetry();
  const gate = start.runtime === 'wasm' ? undefined : createGate();
  if (gate !== undefined) watch(gate);
  const worker = new Worker(builtScript('worker.node'), { workerData: { ...start, gate }, execArgv: [] });
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      if (gate !== undefined) unwatch(gate);
      resolve();
    });
  });
  return {
    post: (request: Request, transfer) => worker.postMessage(request, [...transfer]),
    listen(received, lost) {
      worker.on('message', (reply: Reply) => received(reply));
      worker.on('error', (error) => lost(error.message));
      worker.on('exit', (code) => lost(`its thread exited with code ${code}`));
    },
    busy: (waiting) => (waiting ? worker.ref() : worker.unref()),
    async terminate() {
      if (gate === undefined) await worker.terminate();
      else {
        askToStop(gate);
        worker.ref();
        worker.postMessage('stop');
        await exited;
      }
    },
  };
}

function measureMemory(request: MemoryRequest, signal?: AbortSignal): Promise<MemoryReply> {
  declineTelemetry();
  return new Promise((resolve) => {
    const child = fork(builtScript('memory-child.node'), {
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      signal,
      killSignal: 'SIGKILL',
    });
    child.once('message', (reply: MemoryReply) => resolve(reply));
    child.once('error', (error) => resolve({ ok: false, message: error.message }));
    child.once('exit', (code, signal) => {
      resolve({ ok: false, message: `the process ended early (${signal ?? `code ${code}`})` });
    });
    child.send(request);
  });
}

/** Looks for the package and the binary of this machine, without loading them. */
function nativeIsInstalled(): boolean {
  try {
    const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    const binding = join('bin', 'napi-v6', process.platform, process.arch, 'onnxruntime_binding.node');
    return existsSync(join(dirname(entry), binding));
  } catch {
    return false;
  }
}

async function probe(): Promise<Capabilities> {
  const runtimes: RuntimeName[] = nativeIsInstalled() ? ['native', 'wasm'] : ['wasm'];
  return {
    platform: 'node',
    cores: availableParallelism(),
    vnni: cpuHasVnni({ platform: process.platform, arch: process.arch, cpuInfo: readCpuInfo() }),
    cpu: cpus()[0]?.model.trim() || undefined,
    runtimes,
  };
}

function readCpuInfo(): string | undefined {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return undefined;
  }
}

export const platform: RuntimePlatform = { startWorker, probe, measureMemory };
