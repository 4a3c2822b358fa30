const f = Math.fround;

/**
 * `count` evenly spaced float32 from `start` to `end`, as `torch.linspace` spaces them: the lower half counted from
 * the start, the upper half from the end, each value rounded once. Published tables were made so.
 */
export function evenly(start: number, end: number, count: number): Float32Array {
  const step = f(f(f(end) - f(start)) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count >> 1 ? f(start) + step * i : f(end) - step * (count - 1 - i),
  );
}
