import { type FormatName, formatDetails, formatMenu, formats } from 'lowbit/numerics';
import { formatDetailsText, formatMenuText } from 'lowbit/report';
import { lookUp } from 'lowbit/tensor';
import type { Command } from '../command.ts';
import { commonFlags } from '../flags.ts';

export const formatsCommand: Command = {
  meta: { name: 'formats', description: 'List the number formats, or explain one with its levels drawn.' },
  args: {
    format: { type: 'positional', description: 'A format to explain.', required: false },
    ...commonFlags,
  },
  examples: ['lowbit formats', 'lowbit formats nf4', 'lowbit formats gguf:q4_k', 'lowbit formats --json'],
  async execute({ flags, terminal }) {
    const menu = formatMenu();
    const { color, width } = terminal;
    const [asked] = flags.positionals;
    if (asked === undefined) {
      if (terminal.json) terminal.printJson(menu);
      else terminal.print(formatMenuText(menu, { color, width }));
      return 0;
    }
    const name = asked.toLowerCase();
    const entry = lookUp('format', Object.fromEntries(menu.map((e) => [e.name, e])), name);
    const details = Object.hasOwn(formats, name) ? await formatDetails(name as FormatName) : undefined;
    if (terminal.json) terminal.printJson({ ...entry, ...details });
    else terminal.print(formatDetailsText(entry, details, { color, width }));
    return 0;
  },
};
