import { toFloat32 } from '../numerics/index.ts';
import type { Tensor } from '../tensor/index.ts';

/** How close one output is to the reference, over all samples. */
export interface OutputCloseness {
  readonly name: string;
  /** Signal to quantization noise: 10 log10(sum ref^2 / sum (ref - got)^2), within +-400. */
  readonly sqnrDb: number;
  /** Cosine of the angle between the two outputs, all samples as one vector; 1 for two zero vectors. */
  readonly cosine: number;
  readonly maxAbsError: number;
}

/**
 * What stands for infinite decibels, so that the figure stays a number in JSON. float32 rounding alone
 * gives about 150 dB, float64 about 320: nothing but equality reaches it.
 */
const equalDb = 400;

/** Running sums over pairs of arrays: constant memory, whatever the number of samples. */
export class Closeness {
  #signal = 0;
  #noise = 0;
  #other = 0;
  #product = 0;
  #maxAbsError = 0;

  /** Adds elements; both arrays have the same length. */
  update(reference: ArrayLike<number>, candidate: ArrayLike<number>): void {
    let signal = 0;
    let noise = 0;
    let other = 0;
    let product = 0;
    let worst = this.#maxAbsError;
    for (let i = 0; i < reference.length; i++) {
      const a = reference[i]!;
      const b = candidate[i]!;
      const error = Math.abs(a - b);
      signal += a * a;
      other += b * b;
      product += a * b;
      noise += error * error;
      if (!(error <= worst)) worst = error;
    }
    this.#signal += signal;
    this.#noise += noise;
    this.#other += other;
    this.#product += product;
    this.#maxAbsError = worst;
  }

  get sqnrDb(): number {
    if (this.#noise === 0) return equalDb;
    // NaN or Inf in an intermediate value (a float16 overflow): nothing is worse.
    if (this.#signal === 0 || !Number.isFinite(this.#noise)) return -equalDb;
    return Math.max(-equalDb, Math.min(equalDb, 10 * Math.log10(this.#signal / this.#noise)));
  }

  get cosine(): number {
    const lengths = Math.sqrt(this.#signal * this.#other);
    if (!Number.isFinite(lengths)) return 0;
    if (lengths === 0) return this.#signal === this.#other ? 1 : 0;
    return Math.max(-1, Math.min(1, this.#product / lengths));
  }

  get maxAbsError(): number {
    return this.#maxAbsError;
  }
}

/** Compares every numeric output of two models, batch by batch. */
export class OutputComparison {
  readonly #outputs = new Map<string, { closeness: Closeness; compared: number; skipped: number }>();

  /** Outputs that only one side has, and strings, are left out. */
  update(reference: Readonly<Record<string, Tensor>>, candidate: Readonly<Record<string, Tensor>>): void {
    for (const [name, a] of Object.entries(reference)) {
      const b = candidate[name];
      if (b === undefined || a.dtype === 'string' || b.dtype === 'string') continue;
      let entry = this.#outputs.get(name);
      if (entry === undefined) {
        this.#outputs.set(name, (entry = { closeness: new Closeness(), compared: 0, skipped: 0 }));
      }
      // Shapes that depend on the data (detections, non-zero positions) may differ; there is no pairing then.
      if (a.dims.join() !== b.dims.join()) {
        entry.skipped++;
        continue;
      }
      entry.closeness.update(toFloat32(a), toFloat32(b));
      entry.compared++;
    }
  }

  result(): OutputCloseness[] {
    return [...this.#outputs]
      .filter(([, { compared }]) => compared > 0)
      .map(([name, { closeness: c }]) => ({
        name,
        sqnrDb: c.sqnrDb,
        cosine: c.cosine,
        maxAbsError: c.maxAbsError,
      }));
  }

  /** What could not be compared, in words. */
  notes(): string[] {
    return [...this.#outputs]
      .filter(([, { skipped }]) => skipped > 0)
      .map(
        ([name, { compared, skipped }]) =>
          `Output '${name}' had another shape than the reference in ${skipped} of ${compared + skipped} batches; those are not compared.`,
      );
  }
}

/** Closeness of one set of outputs to another, by output name. */
export function compareOutputs(
  reference: Readonly<Record<string, Tensor>>,
  candidate: Readonly<Record<string, Tensor>>,
): OutputCloseness[] {
  const comparison = new OutputComparison();
  comparison.update(reference, candidate);
  return comparison.result();
}

/** SQNR in decibels of `candidate` against `reference`, arrays of one length. */
export function sqnrDb(reference: ArrayLike<number>, candidate: ArrayLike<number>): number {
  const closeness = new Closeness();
  closeness.update(reference, candidate);
  return closeness.sqnrDb;
}

/** Cosine of the angle between two arrays of one length. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const closeness = new Closeness();
  closeness.update(a, b);
  return closeness.cosine;
}
