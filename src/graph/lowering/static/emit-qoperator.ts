import type { EmitContext } from './apply.ts';
export function emitQOperator(_context: EmitContext): void {
  throw new Error('later');
}
