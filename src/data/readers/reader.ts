import type { ByteSource } from '../../files/index.ts';
import type { DataFolder } from '../data-folder.ts';
import type { ArraySpec, InputSpec } from '../dataset-spec.ts';
import type { Rows } from '../rows.ts';

/** What a reader is asked for: one array of one file (or folder) as rows. */
export interface ReadRequest {
  readonly folder: DataFolder;
  /** Path inside the folder. */
  readonly path: string;
  readonly spec: ArraySpec & Partial<InputSpec>;
  /** Row shape where the file does not say and the spec is silent: taken from the model's input. */
  readonly shape?: readonly number[];
  /** Classes by name, for labels that are words. */
  readonly labelNames?: readonly string[];
  /** The request is for labels, not for an input. */
  readonly labels?: boolean;
}

/** Data that nobody described, and what the model's input tells about it. */
export interface InputHints {
  readonly path: string;
  /** What messages call the data. */
  readonly where: string;
  /** The input's sizes, where it looks like a picture; a number, or the name of an open dimension. */
  readonly picture?: {
    readonly channels: number | string | undefined;
    readonly height: number | string | undefined;
    readonly width: number | string | undefined;
    readonly channelsFirst: boolean;
  };
  /** Tells the user what was assumed. */
  readonly note: (text: string) => void;
}

/** A data format: how its files are recognised and opened. */
export interface Reader {
  readonly description: string;
  /** Ends of file names. */
  readonly extensions: readonly string[];
  open(request: ReadRequest): Promise<Rows>;
  /** Arrays of a container, by name. */
  arrays?(source: ByteSource): Promise<readonly { readonly key: string }[]>;
  /** Whether the labels lie in the same file or folder. */
  hasLabels?(request: ReadRequest): Promise<boolean>;
  /** Labels are the folders that the files lie in; no file stands beside them. */
  readonly labelsAreFolders?: boolean;
  /** What a description would say of the input. @throws data/not-guessed where only the user can know. */
  guess?(hints: InputHints): Partial<InputSpec>;
}
