/** Names of the number formats; the rows live beside this file. Extended by the numerics table. */
export type FormatName =
  | 'int8'
  | 'uint8'
  | 'int4'
  | 'uint4'
  | 'int2'
  | 'uint2'
  | 'int16'
  | 'uint16'
  | 'float16'
  | 'bfloat16'
  | 'e4m3fn'
  | 'e5m2';
