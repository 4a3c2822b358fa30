/** Data files made byte by byte, so that readers are held to the format and not to a writer. */

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

export const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));

/** NumPy array; `shape` as in its header: '3, 3'. */
export function npy(descr: string, shape: string, data: Uint8Array): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`;
  return join(
    Uint8Array.of(0x93),
    encode('NUMPY'),
    Uint8Array.of(1, 0, header.length, 0),
    encode(header),
    data,
  );
}

/** Zip archive; entries with `deflated` are stored so. */
export function zip(entries: Record<string, { data: Uint8Array; deflated?: Uint8Array }>): Uint8Array {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { data, deflated }] of Object.entries(entries)) {
    const stored = deflated ?? data;
    const fields = (signature: number, start: number, length: number) => {
      const header = new Uint8Array(length);
      const view = new DataView(header.buffer);
      view.setUint32(0, signature, true);
      view.setUint16(start + 4, deflated === undefined ? 0 : 8, true);
      view.setUint32(start + 14, stored.length, true);
      view.setUint32(start + 18, data.length, true);
      view.setUint16(start + 22, name.length, true);
      if (length === 46) view.setUint32(42, offset, true);
      return join(header, encode(name));
    };
    const header = fields(0x04034b50, 4, 30);
    central.push(fields(0x02014b50, 6, 46));
    local.push(header, stored);
    offset += header.length + stored.length;
  }
  const directory = join(...central);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(10, central.length, true);
  view.setUint32(12, directory.length, true);
  view.setUint32(16, offset, true);
  return join(...local, directory, end);
}

/** Sound at 16 kHz; `tag` 1 is PCM, 3 float. */
export function wav(bits: number, tag: number, channels: number, data: Uint8Array): Uint8Array {
  const head = new Uint8Array(44);
  const view = new DataView(head.buffer);
  head.set(encode('RIFF'), 0);
  head.set(encode('WAVEfmt '), 8);
  view.setUint32(4, 36 + data.length, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, tag, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, 16000, true);
  view.setUint16(34, bits, true);
  head.set(encode('data'), 36);
  view.setUint32(40, data.length, true);
  return join(head, data);
}

/** Tensors by name; `header` as safetensors writes it. */
export function safetensors(header: unknown, data: Uint8Array): Uint8Array {
  const text = encode(JSON.stringify(header));
  return join(bytesOf(BigUint64Array.of(BigInt(text.length))), text, data);
}
