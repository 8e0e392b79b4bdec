import type { Cluster } from '../../engine/cluster.ts'
import type { Process, ProgramTable } from '../../engine/machine/types.ts'
import { type Described, fileNames, registerCompletion } from '../editor/completion.ts'
import type { Command } from './command.ts'
import { type Answer, CompletionScene, DEFAULT, FILTER_EXTENSIONS, NO_FILES, NO_SPACE } from './completion-scene.ts'
import { FlagSet, GLOBAL_FLAGS, type Flag } from './flags.ts'
import { flagText } from './help/flag-texts.ts'
import { find } from './find-command.ts'

/** Which cluster a process's kubectl speaks to: its machine's programs tell. */
const clusters = new WeakMap<ProgramTable, Cluster>()

export function registerKubectlCompletion(cluster: Cluster, commands: readonly Command[]): void {
  clusters.set(cluster.programs, cluster)
  registerCompletion('kubectl', (words, index, process) => {
    const known = clusters.get(process.machine.programs)
    if (!known) return []
    const word = words[index] ?? ''
    const { candidates, directive, prefix } = answerFor(known, commands, words.slice(1, index), word, process)
    const rest = word.slice(prefix.length)
    if (directive & FILTER_EXTENSIONS) {
      const wanted = new RegExp(`(?:/|\\.(?:${candidates.map((c) => c.name).join('|')}))$`)
      return fileNames(process, rest).filter((name) => wanted.test(name)).map((name) => prefix + name)
    }
    const found = candidates.map((c) => ({ ...c, name: prefix + c.name, open: (directive & NO_SPACE) !== 0 }))
    // as bash's complete -o default
    if (found.length === 0 && !(directive & NO_FILES)) return fileNames(process, rest).map((name) => prefix + name)
    return found
  })
}

/** `kubectl __complete WORDS… WORD`: what cobra prints for the completion scripts. */
export function completionText(cluster: Cluster, commands: readonly Command[], words: readonly string[], process: Process): { stdout: string; stderr: string } {
  const { candidates, directive, debug = '' } = answerFor(cluster, commands, words.slice(0, -1), words.at(-1) ?? '', process)
  const names = [[2, 'NoSpace'], [4, 'NoFileComp'], [8, 'FilterFileExt']].filter(([bit]) => (directive & (bit as number)) !== 0).map(([, name]) => `ShellCompDirective${name as string}`)
  return {
    stdout: `${candidates.map(({ name, description }) => `${name}${description ? `\t${description}` : ''}\n`).join('')}:${directive}\n`,
    stderr: `${debug}Completion ended with directive: ${names.join(', ') || 'ShellCompDirectiveDefault'}\n`,
  }
}

interface Completed extends Answer { /** What cobra says on stderr before its last word. */ debug?: string; /** What of the word is no part of the candidates: "--output=". */ prefix: string }

/** Cobra's getCompletions. */
function answerFor(cluster: Cluster, commands: readonly Command[], before: readonly string[], word: string, process: Process): Completed {
  const nothing: Completed = { candidates: [], directive: DEFAULT, prefix: '' }
  if (before[0] === 'help') return { ...subcommands(commands, before.slice(1), word), prefix: '' }
  const { path, command, rest, unknown } = find(commands, before)
  if (!command && unknown === 'options' && word.startsWith('-')) return { ...flagNames([...GLOBAL_FLAGS, HELP], word, ''), prefix: '' }
  if (!command && unknown === 'options') return nothing
  if (!command && unknown !== undefined) return { ...nothing, debug: `[Debug] Cleared global flags for plugin completion\n[Debug] [Error] unable to find a command for arguments: [${before.join(' ')}]\n` }
  const name = path.slice('kubectl '.length)
  const own = command?.flags ?? []
  const inherited = GLOBAL_FLAGS.filter((g) => !own.some((f) => f.name === g.name))
  const declared = [...own, ...inherited]
  const dashed = before.includes('--')
  const last = before.at(-1)
  const needsValue = (f: Flag): boolean => f.bare === undefined
  const pending = dashed ? undefined : declared.find((f) => needsValue(f) && (last === `--${f.name}` || (f.short !== undefined && new RegExp(`^-[A-Za-z]*${f.short}$`).test(last ?? ''))))
  const known = new FlagSet(declared)
  try {
    known.parse(pending ? rest.slice(0, -1) : rest)
  } catch (error) {
    return { ...nothing, debug: `[Debug] [Error] Error while parsing flags from args [${rest.join(' ')}]: ${error instanceof Error ? error.message : String(error)}\n` }
  }
  const scene = new CompletionScene(cluster, process, known)
  const inline = dashed ? null : (/^(--([\w-]+)=)/.exec(word) ?? /^(-(\w)=?)./.exec(word))
  const named = inline && declared.find((f) => (word.startsWith('--') ? f.name === inline[2] : f.short === inline[2] && needsValue(f)))
  if (pending || (inline && word.startsWith('--'))) {
    const flag = pending ?? named
    if (!flag) return nothing
    const prefix = pending ? '' : inline![1]!
    return { ...filtered(scene.valuesOf(name, flag), word.slice(prefix.length)), prefix }
  }
  if (named && /^-\w=/.test(word)) return { ...filtered(scene.valuesOf(name, named), word.slice(3)), prefix: word.slice(0, 3) }
  const missing = own.filter((f) => command?.required?.includes(f.name) && !known.changed(f.name))
  if (word.startsWith('-') && !dashed) {
    const flags = missing.length > 0 ? missing : !command ? sorted([...inherited, HELP]) : [...inherited, ...sorted([...own, HELP])]
    const left = flags.filter((f) => !f.deprecated && (!known.changed(f.name) || f.type === 'slice' || f.type === 'array'))
    return { ...flagNames(left, word, name, command?.name), prefix: '' }
  }
  const required = missing.map((f) => ({ name: `--${f.name}`, description: flagText(name, f.name) })).filter((c) => c.name.startsWith(word))
  if (!command) return { ...subcommands(commands, [], word), prefix: '' }
  // a flag of the verb's own says that no subcommand comes
  if (command.commands && known.args.length === 0 && !own.some((f) => known.changed(f.name))) {
    const found = ofCommands(command.commands, word)
    if (found.length > 0) return { candidates: found, directive: NO_FILES, prefix: '' }
  }
  const answer = scene.argumentsOf(name, word)
  return { candidates: [...required, ...answer.candidates.filter((c) => c.name.startsWith(word))], directive: answer.directive, prefix: '' }
}

/** The flags that a word may become; `name`: the verb with those above it. */
function flagNames(flags: readonly Flag[], word: string, name: string, last = 'kubectl'): Answer {
  const candidates = flags.flatMap((f): Described[] => {
    const description = f === HELP ? `help for ${last}` : flagText(name, f.name)
    return [`--${f.name}`, ...(f.short ? [`-${f.short}`] : [])].filter((text) => text.startsWith(word)).map((text) => ({ name: text, description }))
  })
  return { candidates, directive: NO_FILES }
}

function sorted(flags: readonly Flag[]): Flag[] {
  return [...flags].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const HELP: Flag = { name: 'help', short: 'h', type: 'bool', initial: 'false', bare: 'true', simulated: true, deprecated: false }

function filtered(answer: Answer, word: string): Answer {
  return answer.directive & FILTER_EXTENSIONS ? answer : { ...answer, candidates: answer.candidates.filter((c) => c.name.startsWith(word)) }
}

function ofCommands(commands: readonly Command[], word: string): Described[] {
  return commands.filter((c) => c.name.startsWith(word)).map((c) => ({ name: c.name, description: c.short })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The verbs below a path, for the root and for `help`. */
function subcommands(commands: readonly Command[], path: readonly string[], word: string): Answer {
  let level: readonly Command[] = commands
  for (const step of path) level = level.find((c) => c.name === step)?.commands ?? []
  const more: Described[] = path.length > 0 ? [] : [{ name: 'help', description: 'Help about any command' }, { name: 'options', description: 'Print the list of flags inherited by all commands' }]
  const candidates = [...ofCommands(level, word), ...more.filter((c) => c.name.startsWith(word))].sort((a, b) => (a.name < b.name ? -1 : 1))
  return { candidates, directive: NO_FILES }
}
