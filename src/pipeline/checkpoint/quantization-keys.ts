/** Members of config.json that say how weights are quantized. */
export const quantizationKeys = ['quantization_config', 'compression_config'] as const;

/** Whether config.json says that the weights beside it are quantized by another package. */
export const isQuantized = (config: Readonly<Record<string, unknown>> | undefined): boolean =>
  quantizationKeys.some((key) => typeof config?.[key] === 'object' && config[key] !== null);
