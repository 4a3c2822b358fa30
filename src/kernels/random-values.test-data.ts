/** Bell-shaped numbers that repeat from run to run, with some outliers. */
export function bell(count: number, seed = 1, outlierEvery = 97): Float32Array {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: count }, (_, i) => {
    const x = next() + next() + next() + next() - 2;
    return i % outlierEvery === outlierEvery - 1 ? x * 6 : x;
  });
}

/** Every float16 pattern's neighbourhood and the corners of float32: what encoders must get right. */
export function awkwardFloats(): Float32Array {
  const bits: number[] = [];
  for (let high = 0; high < 0x10000; high += 7) {
    for (const low of [0, 1, 0xfff, 0x1000, 0x1001, 0x2000, 0x7fff, 0x8000, 0x8001, 0xffff]) {
      bits.push(((high << 16) | low) >>> 0);
    }
  }
  // Around the halfway points between neighbouring float16 subnormals, and around both overflows.
  for (let k = 0; k < 2050; k++) {
    const f = new Float32Array([(k + 0.5) * 2 ** -24, k * 2 ** -24]);
    const u = new Uint32Array(f.buffer);
    for (const x of u) bits.push(x, x + 1, Math.max(0, x - 1), (x | 0x80000000) >>> 0);
  }
  bits.push(0x477fefff, 0x477ff000, 0x477fe000, 0x7f7fffff, 0x7f7f8000, 0x7f7f7fff, 0x7f800000, 0xff800000);
  bits.push(0x7fc00000, 0xffc00001, 0x7f800001, 0x80000000);
  return new Float32Array(Uint32Array.from(bits).buffer);
}
