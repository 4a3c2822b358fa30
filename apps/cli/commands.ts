import type { Command } from './command.ts';

/** Every command by name, loaded when it is called: `lowbit --help` loads none of them. */
export const commands = {
  inspect: {
    description: 'Say what a model holds: inputs, operators, weights, what is quantized.',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  quantize: {
    description: 'Quantize a model to one or more presets, verify and measure the result.',
    load: async () => (await import('./commands/quantize.ts')).quantizeCommand,
  },
  convert: {
    description: 'Store a model in another container: GGUF, .lowbit and back, a folder as floats.',
    load: async () => (await import('./commands/convert.ts')).convertCommand,
  },
  evaluate: {
    description: 'Measure a model on data, alone or against another.',
    load: async () => (await import('./commands/evaluate.ts')).evaluateCommand,
  },
  compare: {
    description: 'Compare models with a reference: outputs, size, speed, memory.',
    load: async () => (await import('./commands/compare.ts')).compareCommand,
  },
  presets: {
    description: 'List what a model can be quantized to.',
    load: async () => (await import('./commands/presets.ts')).presetsCommand,
  },
  formats: {
    description: 'List the number formats, or explain one with its levels drawn.',
    load: async () => (await import('./commands/formats.ts')).formatsCommand,
  },
  distribution: {
    description: "Show how a tensor's values meet the levels of formats: histogram, levels, error.",
    load: async () => (await import('./commands/distribution.ts')).distributionCommand,
  },
  observers: {
    description: 'List the ways to choose the range of an activation.',
    load: async () => (await import('./commands/observers.ts')).observersCommand,
  },
} as const satisfies Record<string, { readonly description: string; load(): Promise<Command> }>;
