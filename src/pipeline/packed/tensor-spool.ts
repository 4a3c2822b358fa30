import { type ByteSink, fileTensor, rowCountOf, type Staging, type TensorSource } from '../../files/index.ts';
import { openStaged } from './stored-output.ts';

const SPOOL = 'tensors.spool';

/**
 * Tensors on their way to a file: the header of a safetensors file says all lengths before the first byte, so what is
 * computed waits in a temporary file of the staging place. Memory holds none of it.
 */
export class TensorSpool {
  readonly #staging: Staging;
  readonly #sink: ByteSink;
  readonly #places: (Pick<TensorSource, 'name' | 'shape' | 'type'> & { readonly offset: number })[] = [];

  private constructor(staging: Staging, sink: ByteSink) {
    this.#staging = staging;
    this.#sink = sink;
  }

  static async open(staging: Staging): Promise<TensorSpool> {
    return new TensorSpool(staging, await staging.folder.open(SPOOL));
  }

  async add({ name, shape, type, read }: TensorSource): Promise<void> {
    this.#places.push({ name, shape, type, offset: this.#sink.size });
    await this.#sink.write(await read(0, rowCountOf(shape)));
  }

  /** All tensors in the order in which they came. Nothing is added afterwards; `close` ends reading. */
  async finish(): Promise<{ readonly tensors: readonly TensorSource[]; close(): Promise<void> }> {
    await this.#sink.commit();
    const source = await openStaged(this.#staging, SPOOL);
    return {
      tensors: this.#places.map((place) => fileTensor({ ...place, source })),
      close: async () => source.close?.(),
    };
  }
}
