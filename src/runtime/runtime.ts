import type { DType, Tensor } from '../tensor/index.ts';

/** A tensor-valued input or output of a loaded model. Dimensions are sizes or names; '' is an unnamed one. */
export interface PortInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** What a runtime loads: a file, or bytes with their external data. A path costs least memory. */
export type RuntimeModel =
  | { readonly path: string }
  | {
      readonly bytes: Uint8Array;
      readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
    };

/** How a model is loaded. */
export interface LoadOptions {
  /** Threads inside one operator; default: what `capabilities` says. */
  readonly threads?: number;
  /** `disabled` and `basic` keep the graph as written; `all` is what users run. Default `all`. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** ONNX Runtime session configuration entries, e.g. {'session.disable_quant_qdq': '1'}. */
  readonly config?: Readonly<Record<string, string>>;
  /** Writes the optimized graph there (native only): to see which kernels a graph became. */
  readonly optimizedModelPath?: string;
  /** What messages call the model; default: its file name. */
  readonly name?: string;
}

/** Tensors by the name of the input they feed. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** A loaded model. `run` never blocks the caller's event loop. */
export interface Session {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /** Runs once. `outputs` asks for a subset. The result is the caller's. */
  run(feeds: Feeds, outputs?: readonly string[]): Promise<Record<string, Tensor>>;
  /** Milliseconds of each of `runs` runs after `warmup` unmeasured ones, timed next to the engine. */
  time(feeds: Feeds, options: { readonly warmup: number; readonly runs: number }): Promise<Float64Array>;
  release(): Promise<void>;
}

/** onnxruntime-node, onnxruntime-web as WebAssembly, onnxruntime-web on WebGPU. */
export type RuntimeName = 'native' | 'wasm' | 'webgpu';

/** ONNX Runtime behind one interface: onnxruntime-node, or onnxruntime-web in Node and in the page. */
export interface Runtime {
  readonly name: RuntimeName;
  /** e.g. 'onnxruntime-node 1.30.0'. */
  readonly version: string;
  readonly threads: number;
  /** What the user should know about how it was chosen, in words. */
  readonly notes?: readonly string[];
  load(model: RuntimeModel, options?: LoadOptions): Promise<Session>;
  /** Ends the worker; sessions that are still open end with it. */
  close(): Promise<void>;
}

/** What this machine can do, probed once. */
export interface Capabilities {
  readonly platform: 'node' | 'browser';
  readonly cores: number;
  /** u8*s8 dot products accumulate without saturating 16 bits (AVX-VNNI, AVX512-VNNI, NEON dot, wasm). undefined: unknown. */
  readonly vnni: boolean | undefined;
  readonly cpu: string | undefined;
  readonly runtimes: readonly RuntimeName[];
}
