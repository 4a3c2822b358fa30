/**
 * The closed set of errors. An error is data: a code and typed details. Its text is made here, in one
 * table, and always says what, where, got against wanted, and what to do. Anything else that is thrown
 * is a bug in lowbit.
 *
 * To add one: a line in `ErrorDetails`, a row in `messages`, a test that holds the full text.
 */

export interface ErrorDetails {
  'data/count-mismatch': { first: string; firstCount: number; other: string; otherCount: number };
  'data/dtype': { input: string; file: string; got: string; wanted: string };
  'data/empty': { path: string };
  'data/image': { file: string; why: string };
  'data/input-missing': { input: string; known: readonly string[]; data: string };
  'data/input-unknown': { input: string; known: readonly string[]; data: string };
  'data/label-range': { file: string; index: number; label: number; classes: number };
  'data/malformed': { file: string; what: string };
  'data/missing': { path: string };
  'data/needs': { file: string; what: string };
  'data/not-guessed': { path: string; why: string };
  'data/not-whole': { file: string; sizeBytes: number; rowBytes: number; row: string };
  'data/parts-differ': { first: string; other: string };
  'data/shape': { input: string; file: string; got: string; wanted: string };
  'data/spec-invalid': { where: string; problems: readonly string[] };
  'data/too-large': { file: string; what: string; got: number; limit: number };
  'data/truncated': { file: string; got: number; wanted: number };
  'data/unsafe-location': { spec: string; location: string };
  'tensor/byte-length': { dtype: string; dims: number[]; got: number; wanted: number };
  'graph/attribute-type': { node: string; attribute: string; got: string; wanted: string };
  'graph/cycle': { graph: string; node: string };
  'graph/duplicate-value': { value: string; node: string };
  'run/aborted': Record<string, never>;
  'name/unknown': { what: string; got: string; known: readonly string[] };
}

export type ErrorCode = keyof ErrorDetails;

const messages: { readonly [C in ErrorCode]: (d: ErrorDetails[C]) => string } = {
  'data/count-mismatch': (d) =>
    `${d.first} holds ${d.firstCount} samples, but ${d.other} holds ${d.otherCount}. Every array of a dataset wants one row per sample; check that the files belong together.`,
  'data/dtype': (d) =>
    `Input '${d.input}' wants ${d.wanted}, but ${d.file} holds ${d.got}. Convert the file, or feed another one in dataset.json.`,
  'data/empty': (d) =>
    `The dataset ${d.path} has no samples. Give it at least one; calibration works best with 100 to 1000.`,
  'data/image': (d) => `The picture ${d.file} cannot be read: ${d.why}. Repair or remove it.`,
  'data/input-missing': (d) =>
    `The model's input '${d.input}' is fed by nothing in ${d.data}, which feeds: ${d.known.join(', ') || 'no input'}. Add it under "inputs" in dataset.json; a constant is {"value": 0, "fill": [shape]}.`,
  'data/input-unknown': (d) =>
    `${d.data} feeds '${d.input}', which the model does not have. Its inputs: ${d.known.join(', ')}.`,
  'data/label-range': (d) =>
    `Label ${d.label} of sample ${d.index} in ${d.file} is out of range: the model tells ${d.classes} classes apart, 0 to ${d.classes - 1}. Check that labels and model belong together.`,
  'data/malformed': (d) => `${d.file} is damaged or not what its name says: ${d.what}. Write the file again.`,
  'data/missing': (d) => `There is no data at ${d.path}. Check the path.`,
  'data/needs': (d) =>
    `${d.file} cannot be read without ${d.what}. Add it in dataset.json (docs/data.md shows how).`,
  'data/not-guessed': (d) =>
    `Cannot tell how ${d.path} feeds the model: ${d.why}. Put a dataset.json beside the data that says it (docs/data.md shows how).`,
  'data/not-whole': (d) =>
    `${d.file} is ${d.sizeBytes} bytes, which is no whole number of samples: one sample of ${d.row} takes ${d.rowBytes}. The file is cut off, or "dtype" or "shape" is wrong.`,
  'data/parts-differ': (d) =>
    `The files of one input differ: ${d.first}, but ${d.other}. Write them with the same element type and shape.`,
  'data/shape': (d) =>
    `Input '${d.input}' wants samples of ${d.wanted}, but ${d.file} holds ${d.got}. Check the file, or "shape" and "layout" in dataset.json.`,
  'data/spec-invalid': (d) =>
    `${d.where} is not a valid dataset description:\n${d.problems.map((p) => `  ${p}`).join('\n')}\ndocs/data.md lists every key.`,
  'data/too-large': (d) =>
    `${d.file} is refused: ${d.what} is ${d.got}, and the limit is ${d.limit}. Split the data into smaller files.`,
  'data/truncated': (d) =>
    `${d.file} is cut off: its content needs ${d.wanted} bytes, but there are ${d.got}. Copy or download it again.`,
  'data/unsafe-location': (d) =>
    `${d.spec} names the file '${d.location}', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that.`,
  'tensor/byte-length': (d) =>
    `Tensor of ${d.dtype} [${d.dims.join(', ')}] holds ${d.got} bytes, but its shape needs ${d.wanted}. The file is damaged or its shape is wrong; export it again.`,
  'graph/attribute-type': (d) =>
    `Attribute '${d.attribute}' of ${d.node} is ${d.got}, but the operator wants ${d.wanted}. The model is not valid ONNX; export it again.`,
  'graph/cycle': (d) =>
    `Graph '${d.graph}' has a cycle through ${d.node}: a node waits for its own result. The model is not valid ONNX; export it again.`,
  'graph/duplicate-value': (d) =>
    `Value '${d.value}' is produced twice, the second time by ${d.node}; every name wants one producer. The model is not valid ONNX; export it again.`,
  'run/aborted': () => 'The run was interrupted. Nothing was written under the final name.',
  'name/unknown': (d) => `Unknown ${d.what} '${d.got}'. Known: ${d.known.join(', ')}.`,
};

/** What the command line exits with: 2 bad input or environment, 3 a limit not met, 130 interrupted. */
const exitCodes: Partial<Record<ErrorCode, number>> = { 'run/aborted': 130 };

/** The one error class of lowbit. `code` is stable API; `details` carries what is needed to act. */
export class LowbitError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'LowbitError';
  readonly code: C;
  readonly details: ErrorDetails[C];

  constructor(code: C, details: ErrorDetails[C], options?: ErrorOptions) {
    super(messages[code](details), options);
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return exitCodes[this.code] ?? 2;
  }
}

/** Throws the error of this code. */
export function fail<C extends ErrorCode>(code: C, details: ErrorDetails[C], cause?: unknown): never {
  throw new LowbitError(code, details, cause === undefined ? undefined : { cause });
}

/** Looks a row up by a name that a user gave; an unknown name lists the known ones. */
export function lookUp<T>(what: string, table: Readonly<Record<string, T>>, name: string): T {
  if (!Object.hasOwn(table, name)) fail('name/unknown', { what, got: name, known: Object.keys(table) });
  return table[name] as T;
}

/** Ends the run when the caller asked for it. Call between tiles, batches and tensors. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) fail('run/aborted', {}, signal.reason);
}
