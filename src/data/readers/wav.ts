import type { ByteSource } from '../../files/index.ts';
import { fail } from '../../tensor/index.ts';
import type { Rows } from '../rows.ts';
import type { Reader } from './reader.ts';

interface Sound {
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
  readonly float: boolean;
  readonly offset: number;
  readonly frames: number;
}

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Chunks of a RIFF file until `fmt ` and `data` are found. */
async function soundOf(source: ByteSource): Promise<Sound> {
  const file = source.name;
  const start = await source.read(0, Math.min(12, source.size));
  if (ascii(start.subarray(0, 4)) !== 'RIFF' || ascii(start.subarray(8, 12)) !== 'WAVE') {
    fail('data/malformed', { file, what: 'it is no RIFF WAVE file' });
  }
  let format: Omit<Sound, 'offset' | 'frames'> | undefined;
  for (let at = 12; at + 8 <= source.size; ) {
    const head = await source.read(at, 8);
    const said = new DataView(head.buffer).getUint32(4, true);
    const id = ascii(head.subarray(0, 4));
    if (id === 'data') {
      if (format === undefined) break;
      // 2^32 - 1 and 0 are what a recorder writes that never came back to fill in the size.
      const open = said === 0xffffffff || said === 0;
      if (!open && at + 8 + said > source.size)
        fail('data/truncated', { file, got: source.size, wanted: at + 8 + said });
      const bytes = open ? source.size - at - 8 : said;
      const frameBytes = (format.channels * format.bits) / 8;
      return { ...format, offset: at + 8, frames: Math.floor(bytes / frameBytes) };
    }
    if (id === 'fmt ') {
      if (said < 16 || at + 8 + said > source.size)
        fail('data/malformed', { file, what: 'its format chunk is broken' });
      format = formatOf(file, await source.read(at + 8, Math.min(said, 40)));
    }
    at += 8 + said + (said & 1);
  }
  fail('data/malformed', { file, what: 'it has no format and data chunk' });
}

function formatOf(file: string, chunk: Uint8Array): Omit<Sound, 'offset' | 'frames'> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const tag = view.getUint16(0, true);
  // WAVE_FORMAT_EXTENSIBLE keeps the real tag at the start of its sub-format.
  const kind = tag === 0xfffe && chunk.byteLength >= 26 ? view.getUint16(24, true) : tag;
  const [channels, sampleRate, bits] = [
    view.getUint16(2, true),
    view.getUint32(4, true),
    view.getUint16(14, true),
  ];
  const known = (kind === 1 && [8, 16, 24, 32].includes(bits)) || (kind === 3 && [32, 64].includes(bits));
  if (!known || channels < 1 || channels > 64) {
    const what = `sound of type ${kind} with ${bits} bits and ${channels} channels is not known (PCM 8 to 32, float 32 and 64 are)`;
    fail('data/malformed', { file, what });
  }
  return { channels, sampleRate, bits, float: kind === 3 };
}

/** One sample of a channel as a number in [-1, 1). */
const decoders: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  '8': (v, at) => (v.getUint8(at) - 128) / 128,
  '16': (v, at) => v.getInt16(at, true) / 32768,
  '24': (v, at) => (v.getUint16(at, true) + v.getInt8(at + 2) * 65536) / 8388608,
  '32': (v, at) => v.getInt32(at, true) / 2147483648,
  float32: (v, at) => v.getFloat32(at, true),
  float64: (v, at) => v.getFloat64(at, true),
};

/** Sound in windows: row i holds samples [i * hop - padStart, ... + window). */
export const wav: Reader = {
  description: 'sound in windows of `window` samples, every `hop`; values in [-1, 1)',
  extensions: ['.wav'],
  async open({ folder, path, spec, shape, labels = false }): Promise<Rows> {
    const source = await folder.open(path);
    if (labels) fail('data/malformed', { file: path, what: 'sound holds no labels; name a file of labels' });
    const sound = await soundOf(source);
    const { channels, bits, frames, sampleRate } = sound;
    if (spec.sampleRate !== undefined && spec.sampleRate !== sampleRate) {
      const what = `its rate is ${sampleRate} Hz, and "sampleRate" asks for ${spec.sampleRate}; resample it`;
      fail('data/malformed', { file: path, what });
    }
    if (spec.channel !== undefined && spec.channel >= channels) {
      fail('data/malformed', {
        file: path,
        what: `it has ${channels} channels, and "channel" asks for number ${spec.channel}`,
      });
    }
    const lead = spec.padStart ?? 0;
    const window = spec.window ?? shape?.at(-1) ?? frames;
    const hop = spec.hop ?? window;
    const count = frames + lead < window ? 0 : Math.floor((frames + lead - window) / hop) + 1;
    const decode = decoders[sound.float ? `float${bits}` : `${bits}`]!;
    const frameBytes = (channels * bits) / 8;
    const picked =
      spec.channel === undefined ? Array.from({ length: channels }, (_, c) => c) : [spec.channel];
    return {
      source: path,
      count,
      dtype: 'float32',
      dims: [window],
      async read(start, number) {
        const from = start * hop - lead;
        const to = from + (number - 1) * hop + window;
        const first = Math.max(0, from);
        const bytes = await source.read(sound.offset + first * frameBytes, (to - first) * frameBytes);
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const mono = new Float32Array(to - from);
        for (let frame = first; frame < to; frame++) {
          let sum = 0;
          for (const c of picked) sum += decode(view, (frame - first) * frameBytes + (c * bits) / 8);
          mono[frame - from] = sum / picked.length;
        }
        if (number === 1 || hop === window) return { data: mono };
        const data = new Float32Array(number * window);
        for (let row = 0; row < number; row++)
          data.set(mono.subarray(row * hop, row * hop + window), row * window);
        return { data };
      },
    };
  },
};
