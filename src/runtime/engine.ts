import type * as Ort from 'onnxruntime-common';
import type { DType, Tensor } from '../tensor/index.ts';
import type { Loaded, Reply, Request, WorkerStart } from './protocol.ts';
import type { LoadOptions, PortInfo, RuntimeModel, RuntimeName } from './runtime.ts';
import { enter, type GateState, isStopping, leave } from './worker-gate.ts';

/** What both onnxruntime packages offer. */
export type OrtModule = Pick<typeof Ort, 'InferenceSession' | 'Tensor' | 'env'>;

const providers: Readonly<Record<RuntimeName, string>> = { native: 'cpu', wasm: 'wasm', webgpu: 'webgpu' };

/** Nothing on stderr: warnings are about choices nobody here can make, and errors are thrown. */
const logSeverityLevel = 4;

/** onnxruntime-web 1.30 gives -1, read as unsigned, for a dimension without size and name. */
const unnamedDim = 0xffffffff;

/**
 * The worker's side of the protocol: ONNX Runtime sessions by number. Requests are handled one after the
 * other, as onnxruntime-web refuses two runs at once.
 */
export function serveEngine(
  ort: OrtModule,
  start: WorkerStart,
  post: (reply: Reply, transfer: ArrayBuffer[]) => void,
  gate?: GateState,
): (request: Request) => void {
  const sessions = new Map<number, Ort.InferenceSession>();
  let queue = Promise.resolve();

  async function handle(request: Request): Promise<{ value: unknown; transfer: ArrayBuffer[] }> {
    if (request.kind === 'load') {
      const session = await createSession(ort, start, request.model, request.options);
      sessions.set(request.session, session);
      const value: Loaded = {
        inputs: session.inputMetadata.map(portOf),
        outputs: session.outputMetadata.map(portOf),
      };
      return { value, transfer: [] };
    }
    const session = sessions.get(request.session);
    if (session === undefined) throw new Error('the session was released');
    switch (request.kind) {
      case 'run': {
        const feeds = toOrt(ort, request.feeds);
        const outputs = request.outputs ?? session.outputNames;
        return fromOrt(await session.run(feeds, outputs, { logSeverityLevel }), feeds);
      }
      case 'time': {
        const value = await timeRuns(session, toOrt(ort, request.feeds), request, gate);
        return { value, transfer: [value.buffer] };
      }
      case 'release':
        sessions.delete(request.session);
        await session.release();
        return { value: undefined, transfer: [] };
    }
  }

  return (request) => {
    queue = queue.then(async () => {
      // The owner has told everybody who waits; nobody reads a reply.
      if (gate !== undefined && !enter(gate)) return;
      try {
        const { value, transfer } = await handle(request);
        post({ id: request.id, ok: true, value }, transfer);
      } catch (error) {
        post({ id: request.id, ok: false, message: messageOf(error) }, []);
      } finally {
        if (gate !== undefined) leave(gate);
      }
    });
  };
}

/** What an unknown thrown thing says. onnxruntime-web throws bare numbers when wasm runs out of memory. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `ONNX Runtime threw ${String(error)}`;
}

async function createSession(
  ort: OrtModule,
  start: WorkerStart,
  model: RuntimeModel,
  options: LoadOptions,
): Promise<Ort.InferenceSession> {
  const native = start.runtime === 'native';
  const sessionOptions: Ort.InferenceSession.SessionOptions = {
    executionProviders: [providers[start.runtime]],
    graphOptimizationLevel: options.optimization ?? 'all',
    logSeverityLevel,
    // In wasm the number of threads is the module's, set once at its start.
    ...(native && { intraOpNumThreads: options.threads ?? start.threads, interOpNumThreads: 1 }),
    ...(options.optimizedModelPath !== undefined && { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.config !== undefined && { extra: { session: configEntries(options.config) } }),
  };
  if ('path' in model) return ort.InferenceSession.create(model.path, sessionOptions);
  return ort.InferenceSession.create(model.bytes, {
    ...sessionOptions,
    ...(model.externalData !== undefined && { externalData: [...model.externalData] }),
  });
}

/** 'session.intra_op.allow_spinning' -> extra.session['intra_op.allow_spinning']; checked by the caller. */
function configEntries(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, v]) => [key.slice('session.'.length), v]));
}

function portOf(meta: Ort.InferenceSession.ValueMetadata): PortInfo {
  if (!meta.isTensor) return { name: meta.name, dtype: 'non-tensor' as DType, shape: [] };
  const shape = meta.shape.map((dim) => (dim === unnamedDim || dim === -1 ? '' : dim));
  return { name: meta.name, dtype: meta.type as DType, shape };
}

function toOrt(ort: OrtModule, feeds: Record<string, Tensor>): Record<string, Ort.Tensor> {
  const result: Record<string, Ort.Tensor> = {};
  for (const [name, t] of Object.entries(feeds)) {
    // float16 as Uint16Array is taken on every Node; the constructor wraps it where Float16Array exists.
    result[name] = new ort.Tensor(t.dtype as 'float32', t.data as Float32Array, t.dims);
  }
  return result;
}

/**
 * Outputs as the caller's own tensors. `feeds` are those of the run: an output that is also an input, or that
 * two names share, is a view of memory still in use and is copied; so is all that lies in wasm memory. Others
 * own their buffer and are handed over as they are.
 */
function fromOrt(
  results: Readonly<Record<string, Ort.Tensor>>,
  feeds: Readonly<Record<string, Ort.Tensor>>,
): { value: Record<string, Tensor>; transfer: ArrayBuffer[] } {
  const value: Record<string, Tensor> = {};
  const inUse = new Set<unknown>();
  for (const t of Object.values(feeds)) if (!Array.isArray(t.data)) inUse.add(t.data.buffer);
  const transfer: ArrayBuffer[] = [];
  for (const [name, t] of Object.entries(results)) {
    const given = t.data as Exclude<Ort.Tensor['data'], string[]> | string[];
    const data = Array.isArray(given) ? given : ownArray(given, inUse);
    if (!Array.isArray(data)) {
      transfer.push(data.buffer as ArrayBuffer);
      inUse.add(data.buffer);
    }
    value[name] = { dtype: t.type as DType, dims: [...t.dims], data } as Tensor;
    t.dispose();
  }
  return { value, transfer };
}

/** An array over a whole buffer that nobody else uses. Float16Array, where it exists, is seen as its 16 bits. */
function ownArray(data: ArrayBufferView, inUse: ReadonlySet<unknown>): ArrayBufferView {
  const alone = data.byteLength === data.buffer.byteLength && !inUse.has(data.buffer);
  const own = alone ? data : (data as Uint8Array).slice();
  const name = Object.prototype.toString.call(own);
  return name === '[object Float16Array]' ? new Uint16Array(own.buffer) : own;
}

async function timeRuns(
  session: Ort.InferenceSession,
  feeds: Record<string, Ort.Tensor>,
  { warmup, runs }: { readonly warmup: number; readonly runs: number },
  gate: GateState | undefined,
): Promise<Float64Array<ArrayBuffer>> {
  const times = new Float64Array(runs);
  for (let i = -warmup; i < runs; i++) {
    if (gate !== undefined && isStopping(gate)) throw new Error('the worker is stopping');
    const begin = performance.now();
    const results = await session.run(feeds);
    const end = performance.now();
    if (i >= 0) times[i] = end - begin;
    for (const t of Object.values(results)) t.dispose();
  }
  return times;
}
