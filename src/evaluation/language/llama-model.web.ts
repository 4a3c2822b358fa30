import { fail } from '../../tensor/index.ts';
import type { LanguageModel } from './language-model.ts';

/** llama.cpp runs in Node alone. */
export async function openLanguageModel(_path: string): Promise<LanguageModel> {
  return fail('runtime/no-llama', {});
}
