/** From the tokenizer files of a Hugging Face folder to the `tokenizer.*` keys of GGUF. */
export { readVocabulary } from './read-vocabulary.ts';
export type { Vocabulary, VocabularyOptions } from './vocabulary.ts';
