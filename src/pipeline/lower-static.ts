import { applyStatic, correctBias, equalize, planStatic, type StaticOptions } from '../graph/index.ts';
import { dequantizeTensor, schemeOf } from '../numerics/index.ts';
import { fail } from '../tensor/index.ts';
export {};
