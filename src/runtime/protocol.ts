import type { Tensor } from '../tensor/index.ts';
import type { LoadOptions, PortInfo, RuntimeModel, RuntimeName } from './runtime.ts';

/**
 * What a runtime and its worker say to each other. Requests are answered in order, one reply each, under
 * the request's `id`. Arrays are copied by the sender and transferred, never shared: ONNX Runtime refuses
 * shared memory.
 */

/** What a worker is started with. Its first message is a `Reply` with id 0 that carries `Started`. */
export interface WorkerStart {
  readonly runtime: RuntimeName;
  readonly threads: number;
  /** Where onnxruntime-web finds its .wasm; default: beside its own script. */
  readonly wasmPaths?: string;
}

export interface Started {
  /** 'onnxruntime-node 1.30.0' */
  readonly version: string;
}

export type Request = { readonly id: number; readonly session: number } & (
  | { readonly kind: 'load'; readonly model: RuntimeModel; readonly options: LoadOptions }
  | { readonly kind: 'run'; readonly feeds: Record<string, Tensor>; readonly outputs?: readonly string[] }
  | {
      readonly kind: 'time';
      readonly feeds: Record<string, Tensor>;
      readonly warmup: number;
      readonly runs: number;
    }
  | { readonly kind: 'release' }
);

/** Answer to `load`. Types are ONNX Runtime's names: the runtime refuses those lowbit cannot feed. */
export interface Loaded {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string };

/** The runtime's end of a started worker; made by the platform. */
export interface WorkerChannel {
  post(request: Request, transfer: readonly ArrayBuffer[]): void;
  /** Called once, before the first `post`. `ended` gets the reason when the worker ends on its own. */
  listen(received: (reply: Reply) => void, ended: (why: string) => void): void;
  /** Whether a waiting request should keep the process alive. */
  busy(waiting: boolean): void;
  terminate(): Promise<void>;
}
