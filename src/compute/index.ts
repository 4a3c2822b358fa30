/** Work on tiles of tensors, in worker threads where there are any. */
export {};
