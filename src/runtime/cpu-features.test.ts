import { expect, test } from 'vitest';
import { cpuHasVnni } from './cpu-features.ts';

const cpuInfo = (line: string) => `processor\t: 0\nmodel name\t: some\n${line}\nbogomips\t: 1\n`;

test.each([
  ['linux', 'x64', cpuInfo('flags\t\t: fpu avx2 avx512_vnni'), true],
  ['linux', 'x64', cpuInfo('flags\t\t: fpu avx2 avx_vnni'), true],
  ['linux', 'x64', cpuInfo('flags\t\t: fpu avx2'), false],
  ['linux', 'arm64', cpuInfo('Features\t: fp asimd asimddp'), true],
  ['linux', 'arm64', cpuInfo('Features\t: fp asimd'), false],
  ['darwin', 'arm64', undefined, true],
  ['darwin', 'x64', undefined, undefined],
  ['win32', 'x64', undefined, undefined],
  ['linux', 'riscv64', cpuInfo('isa\t: rv64'), undefined],
])('%s %s', (platform, arch, info, wanted) => {
  expect(cpuHasVnni({ platform, arch, cpuInfo: info })).toBe(wanted);
});
