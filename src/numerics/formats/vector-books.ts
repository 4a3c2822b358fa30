import type { NumberFormat } from './number-format.ts';
import { vectorBookFormat } from './vector-book-format.ts';
import { additiveCoder, productCoder } from './vector-coder.ts';

const entriesOf = (bits: number) => `${2 ** bits} entries`;

/** `unit` values share one entry of a book of 2^bits. */
const plain = (name: string, unit: number, bits: number): NumberFormat =>
  vectorBookFormat({
    name,
    family: 'vector-book',
    description: `${unit} values share a code: a book of ${entriesOf(bits)}, learned from each block.`,
    source: 'Linde, Buzo & Gray 1980; Arthur & Vassilvitskii 2007 (k-means++)',
    coder: productCoder(unit, bits, 1),
  });

/** Codes of several entries reach ONNX while they fit a byte, which indexes one book of all sums. */
const runsOf = (codeBits: number): { runs?: string } =>
  codeBits > 8 ? { runs: 'files of lowbit only' } : {};

/** One entry from each of `stages` books is added. */
const residual = (name: string, unit: number, bits: number, stages: number): NumberFormat =>
  vectorBookFormat({
    name,
    ...runsOf(bits * stages),
    family: 'vector-book',
    description: `${unit} values share a code: the sum of an entry from each of ${stages} books of ${entriesOf(bits)}.`,
    source: 'Juang & Gray 1982; Babenko & Lempitsky 2014; Egiazarian et al. 2024 (AQLM), arXiv 2401.06118',
    coder: additiveCoder(unit, bits, stages),
  });

/** The unit in `parts` parts, each with a book of its own. */
const product = (name: string, unit: number, bits: number, parts: number): NumberFormat =>
  vectorBookFormat({
    name,
    ...runsOf(bits * parts),
    family: 'vector-book',
    description: `${unit} values share a code: ${parts} parts, each with a book of ${entriesOf(bits)} of its own.`,
    source: 'Jégou et al. 2011 (product quantization); Stock et al. 2020, arXiv 1907.05686',
    coder: productCoder(unit, bits, parts),
  });

/** Books of vectors: vq<unit>x<bits>, rvq<unit>x<bits>x<stages>, pq<unit>x<bits>x<parts>. */
export const vectorBooks = {
  vq2x4: plain('vq2x4', 2, 4),
  vq2x6: plain('vq2x6', 2, 6),
  vq2x8: plain('vq2x8', 2, 8),
  vq3x6: plain('vq3x6', 3, 6),
  vq4x4: plain('vq4x4', 4, 4),
  vq4x6: plain('vq4x6', 4, 6),
  vq4x8: plain('vq4x8', 4, 8),
  vq8x8: plain('vq8x8', 8, 8),
  rvq2x4x2: residual('rvq2x4x2', 2, 4, 2),
  rvq4x4x2: residual('rvq4x4x2', 4, 4, 2),
  rvq4x4x3: residual('rvq4x4x3', 4, 4, 3),
  rvq4x4x4: residual('rvq4x4x4', 4, 4, 4),
  rvq4x8x2: residual('rvq4x8x2', 4, 8, 2),
  rvq8x4x2: residual('rvq8x4x2', 8, 4, 2),
  rvq8x4x4: residual('rvq8x4x4', 8, 4, 4),
  rvq8x8x2: residual('rvq8x8x2', 8, 8, 2),
  pq4x4x2: product('pq4x4x2', 4, 4, 2),
  pq4x8x2: product('pq4x8x2', 4, 8, 2),
  pq8x4x2: product('pq8x4x2', 8, 4, 2),
  pq8x4x4: product('pq8x4x4', 8, 4, 4),
  pq8x8x2: product('pq8x8x2', 8, 8, 2),
};
