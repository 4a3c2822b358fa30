import type { Dim } from '../../value.ts';
import type { Rule, RuleTable } from './rule.ts';

/** RNN, GRU, LSTM: sequence [length, directions, batch, hidden], then the last states. */
const recurrent: Rule = (c) => {
  const x = c.input(0);
  const hidden = c.node.int('hidden_size') ?? c.input(2).shape?.[2];
  const directions = c.node.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
  const batchFirst = c.node.int('layout', 0) !== 0;
  const [first, second] = x.shape ?? [];
  const [length, batch] = batchFirst ? [second, first] : [first, second];
  const sequence: Dim[] = batchFirst
    ? [batch, length, directions, hidden]
    : [length, directions, batch, hidden];
  const state: Dim[] = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  return [sequence, state, state].map((shape) => ({ dtype: x.dtype, shape }));
};

export const recurrentRules: RuleTable = {
  RNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  'com.microsoft.DynamicQuantizeLSTM': recurrent,
};
