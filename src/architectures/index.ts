/** Checkpoints of decoder language models, by architecture. */
export {};
