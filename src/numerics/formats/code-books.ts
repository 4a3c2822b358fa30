import { kMeansLevels, quantileLevels } from '../clustering/learn-levels.ts';
import { codeBookFormat } from './code-book-format.ts';

const kMeans = (name: string, bits: number) =>
  codeBookFormat({
    name,
    family: 'code-book',
    description: `${bits} bit${bits > 1 ? 's' : ''}, ${2 ** bits} levels of least squared error, learned from each block.`,
    source: 'Max 1960; Lloyd 1982; Wu 1991; Han et al. 2016 (Deep Compression), arXiv 1510.00149',
    bits,
    learn: kMeansLevels,
  });

const quantile = (name: string, bits: number) =>
  codeBookFormat({
    name,
    family: 'code-book',
    description: `${bits} bit${bits > 1 ? 's' : ''}, ${2 ** bits} levels used equally often, learned from each block.`,
    source: 'Dettmers et al. 2022, arXiv 2110.02861, section 2.1 (quantile quantization)',
    bits,
    learn: quantileLevels,
  });

/** Levels learned from the values of each block: weight sharing. */
export const codeBooks = {
  kmeans1: kMeans('kmeans1', 1),
  kmeans2: kMeans('kmeans2', 2),
  kmeans3: kMeans('kmeans3', 3),
  kmeans4: kMeans('kmeans4', 4),
  kmeans5: kMeans('kmeans5', 5),
  kmeans6: kMeans('kmeans6', 6),
  kmeans7: kMeans('kmeans7', 7),
  kmeans8: kMeans('kmeans8', 8),
  quantile1: quantile('quantile1', 1),
  quantile2: quantile('quantile2', 2),
  quantile3: quantile('quantile3', 3),
  quantile4: quantile('quantile4', 4),
  quantile5: quantile('quantile5', 5),
  quantile6: quantile('quantile6', 6),
  quantile7: quantile('quantile7', 7),
  quantile8: quantile('quantile8', 8),
};
