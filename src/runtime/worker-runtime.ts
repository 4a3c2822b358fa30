import { type DType, fail, LowbitError, type Tensor } from '../tensor/index.ts';
import { checkFeeds, checkOutputs } from './check-feeds.ts';
import type { Loaded, Reply, Request, Started, WorkerChannel, WorkerStart } from './protocol.ts';
import type { Feeds, LoadOptions, PortInfo, Runtime, RuntimeModel, RuntimeName, Session } from './runtime.ts';
import { tidyMessage } from './tidy-message.ts';

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
  #nextId = 1;
  #nextSession = 1;

  constructor(channel: WorkerChannel, start: WorkerStart, notes: readonly string[]) {
    this.name = start.runtime;
    this.threads = start.threads;
    this.notes = notes;
    this.#channel = channel;
  }

  /** Waits for the worker to have loaded its engine. @throws runtime/unavailable */
  async start(): Promise<void> {
    const started = new Promise<Started>((resolve, reject) => {
      const failed = (why: string) =>
        new LowbitError('runtime/unavailable', { runtime: this.name, why: tidyMessage(why) });
      this.#waiting.set(0, { resolve: resolve as Waiting['resolve'], reject, failed });
    });
    this.#channel.listen(
      (reply) => this.#receive(reply),
      (why) => this.#end(new LowbitError('runtime/worker-lost', { runtime: this.name, why })),
    );
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
    const session = this.#nextSession++;
    const own = ownModel(model);
    const buffers = 'path' in own ? [] : [own.bytes, ...(own.externalData ?? []).map((e) => e.data)];
    const loaded = await this.#call<Loaded>(
      { kind: 'load', session, model: own, options },
      buffers.map((b) => b.buffer as ArrayBuffer),
      (message) =>
        new LowbitError('runtime/load-failed', {
          model: name,
          runtime: this.version,
          message: tidyMessage(message),
        }),
    );
    const result = new WorkerSession(name, loaded, (request, transfer) =>
      this.#call(
        { ...request, session } as Unnumbered<Request>,
        transfer,
        (message) =>
          new LowbitError('runtime/run-failed', {
            model: name,
            runtime: this.version,
            message: tidyMessage(message),
          }),
      ),
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

  /** Ends the worker at once; what waits for it is told that the run was aborted. */
  async abort(reason: unknown): Promise<void> {
    await this.#stop(new LowbitError('run/aborted', {}, { cause: reason }));
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

  #end(why: LowbitError): void {
    this.#ended ??= why;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

type SessionRequest =
  Unnumbered<Extract<Request, { kind: 'run' | 'time' | 'release' }>> extends infer R
    ? R extends unknown
      ? Omit<R, 'session'>
      : never
    : never;

class WorkerSession implements Session {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  readonly #name: string;
  readonly #call: <T>(request: SessionRequest, transfer: readonly ArrayBuffer[]) => Promise<T>;
  #released: Promise<void> | undefined;

  constructor(
    name: string,
    ports: Loaded,
    call: <T>(request: SessionRequest, transfer: readonly ArrayBuffer[]) => Promise<T>,
  ) {
    this.#name = name;
    this.inputs = ports.inputs;
    this.outputs = ports.outputs;
    this.#call = call;
  }

  async run(feeds: Feeds, outputs?: readonly string[]): Promise<Record<string, Tensor>> {
    checkFeeds(this.#name, this.inputs, feeds);
    if (outputs !== undefined) checkOutputs(this.outputs, outputs);
    const own = ownFeeds(feeds);
    return this.#call({ kind: 'run', feeds: own.feeds, outputs }, own.buffers);
  }

  async time(
    feeds: Feeds,
    options: { readonly warmup: number; readonly runs: number },
  ): Promise<Float64Array> {
    checkFeeds(this.#name, this.inputs, feeds);
    const own = ownFeeds(feeds);
    return this.#call({ kind: 'time', feeds: own.feeds, ...options }, own.buffers);
  }

  release(): Promise<void> {
    this.#released ??= this.#call<void>({ kind: 'release' }, []);
    return this.#released;
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

function ownFeeds(feeds: Feeds): { feeds: Record<string, Tensor>; buffers: ArrayBuffer[] } {
  const copies: Record<string, Tensor> = {};
  const buffers: ArrayBuffer[] = [];
  for (const [name, t] of Object.entries(feeds)) {
    const data = t.data.slice();
    if (ArrayBuffer.isView(data)) buffers.push(data.buffer as ArrayBuffer);
    copies[name] = { dtype: t.dtype, dims: [...t.dims], data } as Tensor;
  }
  return { feeds: copies, buffers };
}
