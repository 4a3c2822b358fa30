/**
 * The closed set of errors. An error is data: a code and typed details. Its text is made here, in one
 * table, and always says what, where, got against wanted, and what to do. Anything else that is thrown
 * is a bug in lowbit.
 *
 * To add one: a line in `ErrorDetails`, a row in `messages`, a test that holds the full text.
 */

export interface ErrorDetails {
  'tensor/byte-length': { dtype: string; dims: number[]; got: number; wanted: number };
  'graph/attribute-type': { node: string; attribute: string; got: string; wanted: string };
  'graph/cycle': { graph: string; node: string };
  'graph/duplicate-value': { value: string; node: string };
  'run/aborted': Record<string, never>;
  'name/unknown': { what: string; got: string; known: readonly string[] };
}

export type ErrorCode = keyof ErrorDetails;

const messages: { readonly [C in ErrorCode]: (d: ErrorDetails[C]) => string } = {
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
