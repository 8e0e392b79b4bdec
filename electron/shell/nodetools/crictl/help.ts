import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { HELP } from './help-texts.ts'

/** `crictl COMMAND --help`, as the templates of urfave/cli v2.27 lay it out; `misused` after too few words or a wrong flag, where it counts the help as a command. */
export function commandHelp(name: string, about: string, misused = false): string {
  const help = HELP.get(name)!
  const tabbed = new TabWriter({ minWidth: 1, padding: 2 })
  const options = help.args === undefined || help.args === '' ? '' : ` ${help.args}`
  tabbed.write(`NAME:\n   crictl ${name} - ${about}\n\nUSAGE:\n   ${help.usage === undefined ? `crictl ${name} [command options]${options}` : indented(help.usage, 3)}\n`)
  if (help.description !== undefined) tabbed.write(`\nDESCRIPTION:\n   ${indented(help.description, 3)}\n`)
  if (help.subcommand || misused) {
    const rows = [...(help.subcommand ? [help.subcommand] : []), ['help, h', 'Shows a list of commands or help for one command']]
    const width = Math.max(...rows.map(([names]) => names!.length)) + 2
    tabbed.write(`\nCOMMANDS:\n${rows.map(([names, what]) => `   ${names!.padEnd(width)}${what!}\n`).join('')}`)
  }
  tabbed.write(`\nOPTIONS:\n${[...help.flags, '--help, -h\tshow help'].map((flag) => `   ${indented(flag, 6)}\n`).join('')}`)
  return tabbed.flush()
}

/** Lines after the first stand below it. */
function indented(text: string, by: number): string {
  return text.split('\n').map((line, i) => (i === 0 || line === '' ? line : ' '.repeat(by) + line)).join('\n')
}

/** Whether the real one has this flag, which is then only not simulated here. */
export function isFlagOf(name: string, flag: string): boolean {
  return (HELP.get(name)?.flags ?? []).some((line) => line.split('\t')[0]!.split(/[ ,]+/).includes(flag))
}
