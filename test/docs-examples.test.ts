import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { commands } from '../apps/cli/commands.ts';
import { parseFlags } from '../apps/cli/parse-flags.ts';
import { recipeFlags, recipeFrom } from '../apps/cli/recipe-flags.ts';
import { observers } from '../src/calibration/index.ts';
import { metrics } from '../src/evaluation/index.ts';
import { staticOperators } from '../src/graph/index.ts';
import { presets } from '../src/numerics/index.ts';
import { checkpointTarget } from '../src/pipeline/checkpoint/checkpoint-targets.ts';
import { parseRecipe } from '../src/pipeline/index.ts';
import { storedTarget } from '../src/pipeline/packed/packed-target.ts';
import { isPackedOutput } from '../src/pipeline/packed/quantize-packed.ts';

/** The documentation held to the code: examples compile, commands parse, tables are complete, links lead somewhere. */

const root = resolve(import.meta.dirname, '..');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs')).map((f) => `docs/${f}`),
].filter((page) => page.endsWith('.md'));
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

interface Block {
  readonly page: string;
  readonly line: number;
  readonly code: string;
}

function blocks(language: string): Block[] {
  return pages.flatMap((page) => {
    const text = textOf(page);
    return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => ({
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      code: match[1]!,
    }));
  });
}

test('every TypeScript example compiles', async () => {
  // docs/data.md shows fragments around a session of the reader's.
  const examples = blocks('ts').filter(({ page }) => page !== 'docs/data.md');
  expect(examples.length).toBeGreaterThan(10);
  const folder = await mkdtemp(join(tmpdir(), 'lowbit-docs-'));
  try {
    // Examples see what a user sees: the package by its name, its built types.
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules/lowbit'), 'junction');
    await symlink(join(root, 'node_modules/vite'), join(folder, 'node_modules/vite'), 'junction');
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const compilerOptions = {
      target: 'es2023',
      lib: ['es2023', 'dom', 'dom.iterable'],
      module: 'nodenext',
      moduleResolution: 'nodenext',
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      strict: true,
      noUncheckedIndexedAccess: true,
      noUnusedLocals: true,
      skipLibCheck: true,
      noEmit: true,
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    for (const { page, line, code } of examples) {
      const name = `${page.replace(/[/.]/g, '-')}-line-${line}.ts`;
      await writeFile(join(folder, name), `${code}\nexport {};\n`);
    }
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder], {
      cwd: folder,
    }).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The words of a command line, quotes taken off; up to a comment or a pipe. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!);
  const end = words.findIndex((word) => ['#', '|', '>', '&&'].includes(word));
  return end < 0 ? words : words.slice(0, end);
}

const shellLines = blocks('sh').flatMap(({ page, line, code }) =>
  code.split('\n').map((text, i) => ({ at: `${page}:${line + i}`, text: text.trim() })),
);
const ours = shellLines.filter(({ text }) => text.startsWith('lowbit '));

describe('commands', () => {
  test.each(ours)('$at: $text', async ({ text }) => {
    const [, name, ...rest] = wordsOf(text);
    expect(Object.keys(commands)).toContain(name);
    const command = await commands[name as keyof typeof commands].load();
    const flags = parseFlags(name!, command.args, rest);
    if (name !== 'quantize' && name !== 'convert') return;
    const recipe = recipeFrom(flags, {});
    if (flags.has('recipe')) recipe.to ??= 'q4';
    // Each throws for names that there are not: of schemes, checkpoints, presets and GGUF file types.
    const to = [recipe.to].flat().join(',');
    if (storedTarget(to) || checkpointTarget(to)) return;
    if (isPackedOutput(flags.text('output'))) recipe.to = to.replace('+rans', '');
    const parsed = parseRecipe(recipe as Parameters<typeof parseRecipe>[0]);
    if (parsed.observer !== undefined) expect(Object.keys(observers)).toContain(parsed.observer);
  });

  test('npm scripts and benchmarks exist', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const said = pages.flatMap((page) => [...textOf(page).matchAll(/npm run ([\w:]+)(?: -- ([\w-]+))?/g)]);
    expect(said.length).toBeGreaterThan(0);
    for (const [text, script, bench] of said) {
      expect(Object.keys(scripts), text).toContain(script);
      if (script === 'bench' && bench !== undefined) {
        expect(existsSync(join(root, `bench/${bench}.ts`)), text).toBe(true);
      }
    }
  });
});

describe('tables are complete', () => {
  const camel = (flag: string) => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['presets', 'docs/presets.md', Object.keys(presets)],
    ['observers', 'docs/calibration.md', Object.keys(observers)],
    ['metrics', 'docs/evaluation.md', Object.keys(metrics)],
  ];
  test.each(lists)('%s in %s', (_, page, names) => {
    const text = textOf(page);
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  test('operators in docs/static.md', () => {
    const words = new Set(textOf('docs/static.md').match(/\w+/g));
    expect(Object.keys(staticOperators).filter((name) => !words.has(name))).toEqual([]);
  });

  test('every flag of a recipe stands somewhere', () => {
    const all = pages.map(textOf).join('\n');
    const missing = Object.keys(recipeFlags).filter((flag) => !all.includes(`--${flag}`));
    expect(missing.filter((flag) => !all.includes(`\`${camel(flag)}\``))).toEqual([]);
  });
});

test('links lead to files', () => {
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .filter(([, target]) => !existsSync(join(root, dirname(page), target!)))
      .map(([, target]) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('files and folders that the pages name exist', () => {
  const named = pages.flatMap((page) =>
    [...textOf(page).matchAll(/`((?:src|test|apps|bench|examples)\/[\w./-]*)`/g)].map(
      (m) => [page, m[1]!] as const,
    ),
  );
  expect(named.filter(([, path]) => !existsSync(join(root, path)))).toEqual([]);
});
