/** Flags of /proc/cpuinfo that mean a 32-bit accumulating u8*s8 dot product, by processor family. */
const dotProductFlags: Readonly<Record<string, readonly string[]>> = {
  x64: ['avx_vnni', 'avx512_vnni', 'avx_vnni_int8'],
  arm64: ['asimddp'],
};

/**
 * Whether int8 products accumulate without saturating 16 bits; without it (AVX2's vpmaddubsw) 8-bit weights
 * times 8-bit activations can overflow, and 7-bit weights are the safe choice. undefined: unknown.
 */
export function cpuHasVnni(machine: {
  readonly platform: string;
  readonly arch: string;
  readonly cpuInfo: string | undefined;
}): boolean | undefined {
  // Every Apple processor of this architecture has the dot product instructions.
  if (machine.platform === 'darwin' && machine.arch === 'arm64') return true;
  const wanted = dotProductFlags[machine.arch];
  const line = machine.cpuInfo?.match(/^(?:flags|Features)\s*:(.*)$/m)?.[1];
  if (wanted === undefined || line === undefined) return undefined;
  const flags = new Set(line.trim().split(/\s+/));
  return wanted.some((flag) => flags.has(flag));
}
