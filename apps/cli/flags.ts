/** A flag or positional argument of a command, as data: parsing and help are derived from it. */
export interface Flag {
  readonly type: 'boolean' | 'string' | 'enum' | 'positional';
  readonly description: string;
  /** One letter. */
  readonly alias?: string;
  /** What the help calls its value. */
  readonly valueHint?: string;
  /** Values of an enum. */
  readonly options?: readonly string[];
  /** Positionals are required unless this is false, flags are not unless it is true. */
  readonly required?: boolean;
  /** May be repeated, or hold several values separated by commas. */
  readonly list?: boolean;
  /** May be repeated; commas belong to the value. */
  readonly repeat?: boolean;
  /** A whole number. */
  readonly number?: boolean;
  /** The least that the number may be. Default 0. */
  readonly least?: number;
  /** Heading in the help. */
  readonly group?: string;
  /** Sets another flag to false: --asymmetric. */
  readonly negates?: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** Flags that every command has. */
export const commonFlags = {
  json: {
    type: 'boolean',
    description:
      'One JSON document on stdout and nothing else there; of an error {"error": {code, message, details}}.',
    group: 'Output',
  },
  color: {
    type: 'boolean',
    description: 'Colours; default: on a terminal, unless NO_COLOR is set.',
    group: 'Output',
  },
  help: { type: 'boolean', alias: 'h', description: 'This text.', group: 'Output' },
} as const satisfies Flags;

/** Flags of commands that take a while. */
export const runFlags = {
  runtime: {
    type: 'enum',
    options: ['native', 'wasm', 'webgpu'],
    description: 'Engine; default: the best of this machine. wasm gives the same bytes as a browser.',
    group: 'Run',
  },
  threads: {
    type: 'string',
    number: true,
    least: 1,
    valueHint: 'n',
    description:
      'Threads inside one operator, or that encode GGUF tensors (at most 16 unless said). Default: all cores.',
    group: 'Run',
  },
  quiet: {
    type: 'boolean',
    alias: 'q',
    description: 'No progress, no notes, no table: errors only.',
    group: 'Output',
  },
} as const satisfies Flags;

/** Where outputs go. */
export const outputFlags = {
  output: {
    type: 'string',
    alias: 'o',
    valueHint: 'path',
    description: 'File for one output, folder for several. Default: named after the model, in this folder.',
    group: 'Output',
  },
  'dry-run': {
    type: 'boolean',
    description: 'Say what would be done and how large it would be; write nothing.',
    group: 'Output',
  },
  force: { type: 'boolean', alias: 'f', description: 'Replace files that are there.', group: 'Output' },
  resume: {
    type: 'boolean',
    description:
      'GGUF: go on where an interrupted run ended; keep what is done when this one is interrupted.',
    group: 'Output',
  },
} as const satisfies Flags;

/** How results are measured. */
export const measureFlags = {
  batch: {
    type: 'string',
    number: true,
    least: 1,
    valueHint: 'n',
    description: 'Batch of the second latency figure (the first is 1). Default 8.',
    group: 'Measure',
  },
  runs: {
    type: 'string',
    number: true,
    valueHint: 'n',
    description: 'Timed runs per latency figure; 0 measures none. Default 50.',
    group: 'Measure',
  },
  samples: {
    type: 'string',
    number: true,
    least: 1,
    valueHint: 'n',
    description: 'Evaluate at most so many samples.',
    group: 'Measure',
  },
  memory: {
    type: 'boolean',
    description: 'Peak memory, in a process of its own. Default on; --no-memory leaves it out.',
    group: 'Measure',
  },
  layers: { type: 'boolean', description: 'Signal to noise of every layer, worst first.', group: 'Measure' },
} as const satisfies Flags;

export const limitFlags = {
  'max-drop': {
    type: 'string',
    valueHint: 'n%',
    description:
      'Fail with exit code 3 when the result is worse than float by more: percentage points for rates, relative percent for errors.',
    group: 'Limits',
  },
  'min-metric': {
    type: 'string',
    valueHint: 'limit',
    description:
      'Fail with exit code 3 when a metric is beyond: "top-1>=0.9", "mse<=0.02"; of a GGUF file "perplexity<=10".',
    group: 'Limits',
  },
} as const satisfies Flags;

export const dataSpecFlag = {
  'data-spec': {
    type: 'string',
    valueHint: 'file.json',
    description: 'Description of the data, instead of a dataset.json beside it.',
    group: 'Data',
  },
} as const satisfies Flags;
