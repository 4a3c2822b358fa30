import { dtypeOfNumber } from '../files/onnx/index.ts';
import { type DType, fail, LowbitError } from '../tensor/index.ts';
import { withExternalData } from './external-model.ts';
import type { Loaded, Reply, Request, Started, WorkerChannel, WorkerStart } from './protocol.ts';
import type { LoadOptions, Runtime, RuntimeModel, RuntimeName, Session } from './runtime.ts';
import { tidyMessage } from './tidy-message.ts';
import { WorkerSession } from './worker-session.ts';

type Unnumbered<R> = R extends unknown ? Omit<R, 'id'> : never;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly failed: (message: string) => LowbitError;
}

/** Element types that ONNX Runtime's JavaScript tensors hold. Others stay inside the graph. */
const portTypes: ReadonlySet<DType> = new Set<DType>([
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
  'string',
]);

/** A runtime whose engine lives in a worker. */
export class WorkerRuntime implements Runtime {
  readonly name: RuntimeName;
  readonly threads: number;
  readonly notes: readonly string[];
  version = '';

  readonly #channel: WorkerChannel;
  readonly #waiting = new Map<number, Waiting>();
  #ended: LowbitError | undefined;
  #forget: () => void = () => {};
  #nextId = 1;
  #nextSession = 1;

  constructor(channel: WorkerChannel, start: WorkerStart, notes: readonly string[]) {
    this.name = start.runtime;
    this.threads = start.threads;
    this.notes = notes;
    this.#channel = channel;
  }

  /**
   * Waits for the worker to have loaded its engine. An abort of `signal` ends it at any time; what waits
   * then fails with `run/aborted`.
   * @throws runtime/unavailable
   */
  async start(signal?: AbortSignal): Promise<void> {
    const abort = () => void this.#stop(new LowbitError('run/aborted', {}, { cause: signal?.reason }));
    signal?.addEventListener('abort', abort, { once: true });
    this.#forget = () => signal?.removeEventListener('abort', abort);
    const started = new Promise<Started>((resolve, reject) => {
      const failed = (why: string) =>
        new LowbitError('runtime/unavailable', { runtime: this.name, why: tidyMessage(why) });
      this.#waiting.set(0, { resolve: resolve as Waiting['resolve'], reject, failed });
    });
    this.#channel.listen(
      (reply) => this.#receive(reply),
      (why) => this.#lost(why),
    );
    if (signal?.aborted) abort();
    this.version = (await started).version;
  }

  async load(model: RuntimeModel, options: LoadOptions = {}): Promise<Session> {
    const name = options.name ?? nameOf(model);
    for (const key of Object.keys(options.config ?? {})) {
      if (!key.startsWith('session.')) fail('runtime/config-key', { key });
    }
    if (options.optimizedModelPath !== undefined && this.name !== 'native') {
      fail('runtime/native-only', { what: 'optimizedModelPath', runtime: this.name });
    }
    const failed = (code: 'runtime/load-failed' | 'runtime/run-failed') => (text: string) => {
      const dtype = unsupportedType(text);
      if (dtype !== undefined) return new LowbitError('runtime/port-type', { model: name, dtype });
      return new LowbitError(code, { model: name, runtime: this.version, message: tidyMessage(text) });
    };
    const session = this.#nextSession++;
    const resolved = this.name !== 'native' && 'path' in model ? await withExternalData(model.path) : model;
    const own = ownModel(resolved);
    const buffers = 'path' in own ? [] : [own.bytes, ...(own.externalData ?? []).map((e) => e.data)];
    const loaded = await this.#call<Loaded>(
      { kind: 'load', session, model: own, options },
      buffers.map((b) => b.buffer as ArrayBuffer),
      failed('runtime/load-failed'),
    );
    const result = new WorkerSession(name, loaded, (request, transfer) =>
      this.#call({ ...request, session }, transfer, failed('runtime/run-failed')),
    );
    const odd = [...loaded.inputs, ...loaded.outputs].find((port) => !portTypes.has(port.dtype));
    if (odd !== undefined) {
      await result.release();
      fail('runtime/port-type', { model: name, port: odd.name, dtype: odd.dtype });
    }
    return result;
  }

  async close(): Promise<void> {
    await this.#stop(new LowbitError('runtime/worker-lost', { runtime: this.name, why: 'it was closed' }));
  }

  async #stop(why: LowbitError): Promise<void> {
    this.#end(why);
    await this.#channel.terminate();
  }

  #call<T>(
    request: Unnumbered<Request>,
    transfer: readonly ArrayBuffer[],
    failed: Waiting['failed'],
  ): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, failed });
      this.#channel.busy(true);
      this.#channel.post({ ...request, id } as Request, transfer);
    });
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#channel.busy(false);
    if (reply.ok) waiting.resolve(reply.value as never);
    else waiting.reject(waiting.failed(reply.message));
  }

  /** The worker ended on its own; before it has said that it started, that means it cannot. */
  #lost(why: string): void {
    const starting = this.#waiting.get(0);
    this.#end(starting?.failed(why) ?? new LowbitError('runtime/worker-lost', { runtime: this.name, why }));
  }

  #end(why: LowbitError): void {
    this.#ended ??= why;
    this.#forget();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

function nameOf(model: RuntimeModel): string {
  return 'path' in model ? (model.path.split(/[\\/]/).pop() ?? model.path) : 'the model in memory';
}

/** Copies with buffers of their own: the caller keeps his, and shared memory becomes ordinary. */
function ownModel(model: RuntimeModel): RuntimeModel {
  if ('path' in model) return model;
  const externalData = model.externalData?.map(({ path, data }) => ({ path, data: new Uint8Array(data) }));
  return { bytes: new Uint8Array(model.bytes), ...(externalData && { externalData }) };
}

/** ONNX Runtime gives the number of the element type, and no name of the port. */
function unsupportedType(message: string): DType | undefined {
  const number = /unsupported data type: (\d+)/i.exec(message)?.[1];
  return number === undefined ? undefined : dtypeOfNumber(Number(number));
}
