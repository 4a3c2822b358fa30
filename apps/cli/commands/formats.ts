import { type FormatName, formatDetails, formatMenu, formatNamed, formats } from 'lowbit/numerics';
import { formatDetailsText, formatMenuText } from 'lowbit/report';
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
    // Of a scheme such as nf4/64+double, its format.
    const [name = ''] = asked.toLowerCase().split(/[/+]|(?<!^gguf):/);
    formatNamed(
      name,
      menu.map((e) => e.name),
    );
    const entry = menu.find((e) => e.name === name)!;
    const details = Object.hasOwn(formats, name) ? await formatDetails(name as FormatName) : undefined;
    if (terminal.json) terminal.printJson({ ...entry, ...details });
    else terminal.print(formatDetailsText(entry, details, { color, width }));
    return 0;
  },
};
