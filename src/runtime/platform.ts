import type { WorkerChannel, WorkerStart } from './protocol.ts';
import type { Capabilities, Feeds, RuntimeModel, RuntimeName } from './runtime.ts';

/** What differs between Node and the page; `#runtime-platform` is one of the two. */
export interface RuntimePlatform {
  /** @throws runtime/unavailable when this platform cannot start it at all. */
  startWorker(start: WorkerStart): WorkerChannel;
  probe(): Promise<Capabilities>;
  /** undefined where a process's memory cannot be seen. */
  measureMemory?(request: MemoryRequest): Promise<number>;
}

/** Work whose memory is measured in a process of its own. */
export interface MemoryRequest {
  readonly model: RuntimeModel;
  readonly feeds: Feeds;
  readonly runtime: RuntimeName;
  readonly threads: number;
  readonly runs: number;
}
