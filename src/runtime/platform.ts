import type { WorkerChannel, WorkerStart } from './protocol.ts';
import type { Capabilities, Feeds, LoadOptions, RuntimeModel, RuntimeName } from './runtime.ts';

/** What differs between Node and the page; `#runtime-platform` is one of the two. */
export interface RuntimePlatform {
  /** @throws runtime/unavailable when this platform cannot start it at all. */
  startWorker(start: WorkerStart): WorkerChannel;
  probe(): Promise<Capabilities>;
  /** Absent where the memory of a process cannot be seen. */
  measureMemory?(request: MemoryRequest, signal?: AbortSignal): Promise<MemoryReply>;
}

/** Work whose memory is measured in a process of its own. */
export interface MemoryRequest {
  readonly model: RuntimeModel;
  readonly feeds: Feeds;
  readonly runtime: RuntimeName;
  readonly threads: number;
  readonly runs: number;
  readonly options: LoadOptions;
}

export type MemoryReply =
  | { readonly ok: true; readonly peakBytes: number }
  | { readonly ok: false; readonly message: string };
