import { formatBytes, formatCount, formatPercent } from './units.ts';

/** Which weights of a model take fewer bits: from its card, or from what its file says of each tensor. */
export interface QuantizedSummary {
  /** Weights of the model: each once, whatever it is stored as; scales and books not at all. */
  readonly parameters: number;
  /** Most values first. */
  readonly schemes: readonly QuantizedShare[];
}

/** The weights that are stored one way. */
export interface QuantizedShare {
  /** 'nf4/64+double', 'int8/channel', 'float16'. */
  readonly scheme: string;
  readonly tensors: number;
  readonly values: number;
  /** Codes, scales, zero points, books, outliers. */
  readonly sizeBytes: number;
}

/** Sums by scheme. */
export function quantizedSummary(
  parameters: number,
  weights: readonly { readonly scheme: string; readonly values: number; readonly sizeBytes: number }[],
  before: QuantizedSummary = { parameters, schemes: [] },
): QuantizedSummary {
  const shares = new Map<string, QuantizedShare>(before.schemes.map((share) => [share.scheme, share]));
  for (const { scheme, values, sizeBytes } of weights) {
    const share = shares.get(scheme) ?? { scheme, tensors: 0, values: 0, sizeBytes: 0 };
    shares.set(scheme, {
      scheme,
      tensors: share.tensors + 1,
      values: share.values + values,
      sizeBytes: share.sizeBytes + sizeBytes,
    });
  }
  return { parameters, schemes: [...shares.values()].sort((a, b) => b.values - a.values) };
}

/** One line for each scheme, and one for what stays as it was. */
export function quantizedTexts({ parameters, schemes }: QuantizedSummary): string[] {
  const share = (values: number) => formatPercent(values / Math.max(1, parameters));
  const left = parameters - schemes.reduce((sum, { values }) => sum + values, 0);
  return [
    ...schemes.map(({ scheme, tensors, values, sizeBytes }) => {
      const bits = ((8 * sizeBytes) / Math.max(1, values)).toFixed(2);
      const what = `${formatCount(tensors)} ${tensors === 1 ? 'tensor' : 'tensors'}`;
      return `${scheme}: ${what}, ${share(values)} of the parameters, ${bits} bits per weight in ${formatBytes(sizeBytes)}`;
    }),
    ...(left > 0 ? [`${formatCount(left)} parameters (${share(left)}) stay as they were`] : []),
  ];
}

/** Metadata key of an ONNX file: what `cardText` makes. */
export const WEIGHTS_KEY = 'lowbit.weights';

export const cardText = ({ parameters, schemes }: QuantizedSummary): string =>
  JSON.stringify({
    parameters,
    schemes: schemes.map(({ scheme, tensors, values, sizeBytes }) => ({
      ...{ scheme, tensors, values },
      bytes: sizeBytes,
    })),
  });

/** What a card says; undefined where there is none, or none that can be read. */
export function readCard(metadata: ReadonlyMap<string, string>): QuantizedSummary | undefined {
  const text = metadata.get(WEIGHTS_KEY);
  if (text === undefined) return undefined;
  try {
    const { parameters, schemes } = JSON.parse(text);
    if (!isCount(parameters) || !Array.isArray(schemes)) return undefined;
    return {
      parameters,
      schemes: schemes.map(({ scheme, tensors, values, bytes }) => {
        if (typeof scheme !== 'string' || ![tensors, values, bytes].every(isCount))
          throw new TypeError('no card');
        return { scheme, tensors, values, sizeBytes: bytes };
      }),
    };
  } catch {
    return undefined;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
