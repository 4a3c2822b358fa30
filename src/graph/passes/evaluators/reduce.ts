import { dtypes, elementCount, zeros } from '../../../tensor/index.ts';
import {
  axisIn,
  type Evaluator,
  type EvaluatorTable,
  larger,
  type Numbers,
  smaller,
  stridesOf,
} from './evaluator.ts';
import { integersOf } from './layout.ts';

/** How elements fold together, in float64 or in 64-bit integers; `finish` sees how many there were. */
interface Reduction {
  readonly start: number;
  readonly step: (sum: number, x: number) => number;
  readonly finish?: (sum: number, count: number) => number;
  readonly big?: (sum: bigint, x: bigint) => bigint;
}

const reduce =
  ({ start, step, finish, big }: Reduction): Evaluator =>
  (c) => {
    const x = c.inputs[0]!;
    const whole = x.dtype === 'int64';
    if (whole ? big === undefined : x.dtype !== 'float32' && x.dtype !== 'int32') return undefined;
    if (finish !== undefined && dtypes[x.dtype].kind !== 'float') return undefined;
    const given = integersOf(c, 1, 'axes') ?? [];
    if (given.length === 0 && c.node.int('noop_with_empty_axes', 0) !== 0) return [x];
    const axes = given.length === 0 ? x.dims.map((_, i) => i) : given.map((a) => axisIn(a, x.dims.length));
    const kept = x.dims.map((d, i) => (axes.includes(i) ? 1 : d));
    const dims = c.node.int('keepdims', 1) !== 0 ? kept : x.dims.filter((_, i) => !axes.includes(i));
    const [own, to] = [stridesOf(x.dims), stridesOf(kept)];
    const count = elementCount(kept);
    const total = elementCount(x.dims);
    if (total === 0) return undefined;
    const target = (i: number) =>
      kept.reduce((at, d, k) => at + (d === 1 ? 0 : (Math.floor(i / own[k]!) % d) * to[k]!), 0);
    const data = zeros(x.dtype, count);
    if (whole) {
      const sums = new Array<bigint>(count).fill(
        BigInt.asIntN(64, BigInt(Number.isFinite(start) ? start : 0)),
      );
      const seen = new Set<number>();
      (x.data as BigInt64Array).forEach((v, i) => {
        const at = target(i);
        sums[at] = !seen.has(at) && !Number.isFinite(start) ? v : big!(sums[at]!, v);
        seen.add(at);
      });
      (data as BigInt64Array).set(sums);
    } else {
      const sums = new Float64Array(count).fill(start);
      (x.data as Float32Array).forEach((v, i) => {
        const at = target(i);
        sums[at] = step(sums[at]!, v);
      });
      (data as Float32Array).set(finish ? sums.map((s) => finish(s, total / count)) : sums);
    }
    return [{ dtype: x.dtype, dims, data } as Numbers];
  };

const square = (sum: number, x: number) => sum + x * x;

export const reduceEvaluators: EvaluatorTable = {
  ReduceSum: reduce({ start: 0, step: (s, x) => s + x, big: (s, x) => s + x }),
  ReduceProd: reduce({ start: 1, step: (s, x) => s * x, big: (s, x) => s * x }),
  ReduceMax: reduce({ start: -Infinity, step: Math.max, big: larger }),
  ReduceMin: reduce({ start: Infinity, step: Math.min, big: smaller }),
  ReduceMean: reduce({ start: 0, step: (s, x) => s + x, finish: (s, n) => s / n }),
  ReduceSumSquare: reduce({ start: 0, step: square }),
  ReduceL1: reduce({ start: 0, step: (s, x) => s + Math.abs(x) }),
  ReduceL2: reduce({ start: 0, step: square, finish: Math.sqrt }),
};
