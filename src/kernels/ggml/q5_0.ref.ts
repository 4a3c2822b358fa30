import { scaleFormats } from './legacy-scale.ref.ts';
import { scaleTwin } from './legacy-twin.ref.ts';

/**
 * Q5_0: x ≈ d · (q - 16), 32 values, d float16 of either sign, q 5 bits.
 * Source of the layout and of reference search: ggml-quants.c, quantize_row_q5_0_ref and _impl (llama.cpp v0.5.0).
 */
export const q5_0 = scaleTwin(5, scaleFormats.q5_0);
