import { affineTwin } from './legacy-twin.ref.ts';

/**
 * Q5_1: x ≈ d · q + m, 32 values, d and m float16, q 5 bits.
 * Source of the layout and of reference search: ggml-quants.c, quantize_row_q5_1_ref and _impl (llama.cpp v0.5.0).
 */
export const q5_1 = affineTwin(5);
