/** Signal to noise over tensors together, from that of each: in dB, infinite where nothing differs. */
export class TotalSqnr {
  #signal = 0;
  #noise = 0;

  /** `sqnrDb`: of the values against what their codes stand for. */
  add(values: Float32Array, sqnrDb: number): void {
    let signal = 0;
    for (let i = 0; i < values.length; i++) signal += values[i]! * values[i]!;
    this.#signal += signal;
    // Of zeros there is no ratio, and no noise where they stay zeros.
    if (Number.isFinite(sqnrDb)) this.#noise += signal / 10 ** (sqnrDb / 10);
  }

  get sqnrDb(): number {
    return this.#noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.#signal / this.#noise);
  }
}
