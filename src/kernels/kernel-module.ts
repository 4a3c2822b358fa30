/** A compiled kernel: its functions and its own memory. */
export interface KernelModule<Functions> {
  readonly call: Functions;
  /** Replaced when the memory grows: read it anew after a call that may grow it. */
  readonly memory: WebAssembly.Memory;
}

const PAGE_BYTES = 65536;

/** Compiles embedded WebAssembly and gives its instance at least `byteLength` bytes of memory. */
export async function loadKernel<Functions>(
  wasm: string,
  byteLength: number,
): Promise<KernelModule<Functions>> {
  const bytes = Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0));
  const imports = {
    env: {
      abort: () => {
        throw new Error('a kernel aborted');
      },
    },
  };
  const { instance } = await WebAssembly.instantiate(bytes, imports);
  const memory = instance.exports.memory as WebAssembly.Memory;
  const missing = byteLength - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return { call: instance.exports as Functions, memory };
}
