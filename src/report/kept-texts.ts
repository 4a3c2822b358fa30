import type { KeptNodeRecord } from '../graph/index.ts';
import { formatCount } from './units.ts';

/** Reasons, and operator types within a reason, that are listed; the rest is counted. */
const reasonsShown = 8;
const typesShown = 4;

/** 'kept: 12 x Conv, 3 x Gemm: reason': one text per reason, the one that keeps most nodes first. */
export function keptTexts(kept: readonly KeptNodeRecord[]): string[] {
  const reasons = [...grouped(kept, (k) => k.why)].sort((a, b) => b[1].length - a[1].length);
  const texts = reasons.slice(0, reasonsShown).map(([why, nodes]) => `kept: ${nodesText(nodes)}: ${why}`);
  const rest = reasons.slice(reasonsShown).reduce((sum, [, nodes]) => sum + nodes.length, 0);
  return rest === 0 ? texts : [...texts, `kept: ${formatCount(rest)} more, for other reasons`];
}

function nodesText(nodes: readonly KeptNodeRecord[]): string {
  if (nodes.length === 1) return `${nodes[0]!.op} '${nodes[0]!.node}'`;
  const types = [...grouped(nodes, (k) => k.op)].sort((a, b) => b[1].length - a[1].length);
  const shown = types.slice(0, typesShown).map(([op, of]) => `${formatCount(of.length)} x ${op}`);
  const rest = types.slice(typesShown).reduce((sum, [, of]) => sum + of.length, 0);
  return [...shown, ...(rest === 0 ? [] : [`${formatCount(rest)} others`])].join(', ');
}

function grouped<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
