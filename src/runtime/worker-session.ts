import { plainBytes, type Tensor } from '../tensor/index.ts';
import { checkFeeds, checkOutputs } from './check-feeds.ts';
import type { Loaded, Request } from './protocol.ts';
import type { Feeds, PortInfo, Session } from './runtime.ts';

/** A request without the numbers that the runtime gives it. */
export type SessionRequest = Unnumbered<Exclude<Request, { kind: 'load' }>>;

type Unnumbered<R> = R extends unknown ? Omit<R, 'id' | 'session'> : never;

type Call = <T>(request: SessionRequest, transfer: readonly ArrayBuffer[]) => Promise<T>;

/** A model in the worker, by its number there. */
export class WorkerSession implements Session {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  readonly #name: string;
  readonly #call: Call;
  #released: Promise<void> | undefined;

  constructor(name: string, ports: Loaded, call: Call) {
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
    // When the worker is gone, so is the session.
    this.#released ??= this.#call<void>({ kind: 'release' }, []).catch(() => {});
    return this.#released;
  }
}

function ownFeeds(feeds: Feeds): { feeds: Record<string, Tensor>; buffers: ArrayBuffer[] } {
  const copies: Record<string, Tensor> = {};
  const buffers: ArrayBuffer[] = [];
  for (const [name, t] of Object.entries(feeds)) {
    const data = (t.data instanceof Uint8Array ? plainBytes(t.data) : t.data).slice();
    if (ArrayBuffer.isView(data)) buffers.push(data.buffer as ArrayBuffer);
    copies[name] = { dtype: t.dtype, dims: [...t.dims], data } as Tensor;
  }
  return { feeds: copies, buffers };
}
