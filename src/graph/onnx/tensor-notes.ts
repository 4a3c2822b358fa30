import type { StringTensor } from '../attribute.ts';
import type { Weight } from '../weight.ts';

/** What a TensorProto says beside its numbers; kept for writing, of no meaning to the graph. */
export interface TensorNotes {
  readonly name: string;
  readonly docString: string;
  readonly metadata: ReadonlyMap<string, string>;
}

const notes = new WeakMap<Weight | StringTensor, TensorNotes>();

export function noteTensor(tensor: Weight | StringTensor, note: TensorNotes): void {
  notes.set(tensor, note);
}

export function notesOf(tensor: Weight | StringTensor): TensorNotes | undefined {
  return notes.get(tensor);
}
