import type { Tensor } from '../tensor/index.ts';

/** Frees the memory of tensors at once. They must not be used afterwards. */
export interface BufferDrain {
  free(tensors: Iterable<Tensor>): void;
  close(): void;
}

/**
 * Activations come and go by the gigabyte. Left to the garbage collector they pile up and it runs all the
 * time; sent to a port that nobody listens to, they are gone.
 */
export function bufferDrain(): BufferDrain {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return {
    free(tensors) {
      const buffers = new Set<ArrayBuffer>();
      for (const { data } of tensors) {
        if (ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
      }
      port1.postMessage(null, [...buffers]);
    },
    close: () => port1.close(),
  };
}
