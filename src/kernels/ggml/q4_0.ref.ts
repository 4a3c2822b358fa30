import { scaleFormats } from './legacy-scale.ref.ts';
import { scaleTwin } from './legacy-twin.ref.ts';

/**
 * Q4_0: x ≈ d · (q - 8), 32 values, d float16 of either sign, q 4 bits.
 * Source of the layout and of reference search: ggml-quants.c, quantize_row_q4_0_ref and _impl (llama.cpp v0.5.0).
 */
export const q4_0 = scaleTwin(4, scaleFormats.q4_0);
