/** Where bytes come from and go to. Files, HTTP ranges, Blobs and memory all look like this. */

/** Bytes that are read in pieces: a file, a Blob, a URL, memory. */
export interface ByteSource {
  /** What a person would call it: a path, a URL, a file name. For messages only. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes at `offset`. Do not modify the result: in memory it is the source itself.
   * @throws file/out-of-range when the range does not lie inside the source.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Of a file on this machine that is open: its descriptor, which every thread of the process can read from by
   * position. Good until `close`.
   */
  readonly descriptor?: number;
  close?(): Promise<void>;
}

/** A folder-like neighbourhood of a file: external data and shards are looked up here, and only here. */
export interface Siblings {
  /**
   * Opens `location`, a relative path written in a model file.
   * @throws file/unsafe-location for `..`, absolute paths, drive letters and links that leave the folder.
   * @throws file/missing when there is no such file.
   */
  open(location: string): Promise<ByteSource>;
  /** Names of the files there, where the place can tell. */
  list?(): Promise<readonly string[]>;
}

/** A destination that is either whole or absent: nothing appears under the final name before `commit`. */
export interface ByteSink {
  readonly name: string;
  /** Bytes written so far. */
  readonly size: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes to disk and gives the file its final name. */
  commit(): Promise<void>;
  /** Removes what was written. Safe to call twice and after `commit` (then it does nothing). */
  abort(): Promise<void>;
}

/** Opens sinks next to each other: the model file and its external data. */
export interface SinkFolder {
  open(name: string): Promise<ByteSink>;
  /** Commits in the given order, all of them or none: put the file that names the others last. */
  commit?(sinks: readonly ByteSink[]): Promise<void>;
}

/** A file that was opened by name, with what lies beside it. */
export interface OpenedFile {
  readonly source: ByteSource;
  readonly siblings: Siblings;
  /** Where it lies on this machine, if it does: what a native runtime can open by itself. */
  readonly path?: string;
}
