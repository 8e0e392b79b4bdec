import type { Cluster } from '../../engine/cluster.ts'
import { SystemError } from '../../engine/machine/errors.ts'
import type { Program, Process } from '../../engine/machine/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, Kubectl, type KubectlOptions } from './command.ts'
import { completionText } from './completion.ts'
import { ClientConfig, NotDialled, serverUrl, tryServer } from './client-config.ts'
import { rememberKinds } from './discovery-cache.ts'
import { AggregateError, ExitError, KubectlError, NotSimulatedError, PrintError, quote, report } from './errors.ts'
import { FlagError, FlagSet, GLOBAL_FLAGS, parseDuration } from './flags.ts'
import { askForPassword, NoCredentials } from './identity.ts'
import { helpOf, optionsHelp, rootHelp } from './help.ts'
import { isNoServer, tellDiscovery } from './no-server.ts'
import { runPlugin } from './plugin.ts'
import { refusalLine } from './request-log.ts'
import { asksServer, ServerSession } from './server-session.ts'
import { find } from './find-command.ts'

/**
 * What kubectl needs until its first request is answered, in virtual ms. What controllers do at once after one command
 * is done when the next one asks, as it is in a real cluster.
 */
const START_UP = 5

/** kubectl's main: finds the verb, reads its flags, runs it, says what went wrong. */
export function kubectlProgram(cluster: Cluster, commands: readonly Command[], options: KubectlOptions): Program {
  return function* kubectl(process: Process): Task<number> {
    const words = process.argv.slice(1)
    try {
      return yield* dispatch(process, cluster, commands, options, words)
    } catch (error) {
      const said = report(error)
      if (!said) throw error
      if (said.text) yield* process.printError(said.text)
      return said.code
    }
  }
}

function* dispatch(process: Process, cluster: Cluster, commands: readonly Command[], options: KubectlOptions, words: readonly string[]): Task<number> {
  if (words[0] === '__complete' || words[0] === '__completeNoDesc') {
    const { stdout, stderr } = completionText(cluster, commands, words.slice(1), process)
    yield* process.print(words[0] === '__complete' ? stdout : stdout.replace(/\t.*$/gm, ''))
    yield* process.printError(stderr)
    return 0
  }
  const { path, command, rest, unknown } = find(commands, words)
  if (!command) {
    if (unknown === undefined) {
      const flags = new FlagSet(GLOBAL_FLAGS)
      try {
        flags.parse(rest)
      } catch (error) {
        throw usage(error, 'kubectl')
      }
      yield* process.print(rootHelp(commands))
      return 0
    }
    if (unknown === 'options') {
      yield* process.print(optionsHelp(process.env.get('HOME') ?? '/root'))
      return 0
    }
    if (unknown === 'help') {
      const wanted = find(commands, rest.filter((w) => w !== 'help'))
      yield* process.print(wanted.command ? helpOf(wanted.command, wanted.path) : rootHelp(commands))
      return 0
    }
    if (words[0] !== unknown) {
      yield* process.printError(`Error: flags cannot be placed before plugin name: ${words[0]}\n`)
      return 1
    }
    const plugin = yield* runPlugin(process, words)
    if (plugin !== undefined) return plugin
    const near = suggestions(commands, unknown)
    throw new KubectlError(`unknown command ${quote(unknown)} for "kubectl"${near.length > 0 ? `\n\nDid you mean this?\n${near.map((n) => `\t${n}\n`).join('')}` : ''}`)
  }
  const declared = [...(command.flags ?? []), ...(command.hiddenFlags ?? []), ...GLOBAL_FLAGS.filter((g) => !command.flags?.some((f) => f.name === g.name || (f.short && f.short === g.short)))]
  const flags = new FlagSet(declared)
  let help: boolean
  try {
    help = flags.parse(rest)
  } catch (error) {
    throw usage(error, path)
  }
  for (const { name } of flags.deprecated()) yield* process.printError(`Flag --${name} has been deprecated, --${name} will be removed in the future\n`)
  if (help) {
    yield* process.print(helpOf(command, path))
    return 0
  }
  const refused = flags.notSimulated()
  if (refused) throw new NotSimulatedError(`${path} --${refused.name}`, `see ${path} --help for what is`)
  const missing = (command.required ?? []).filter((name) => !flags.changed(name))
  if (missing.length > 0) throw new KubectlError(`required flag(s) ${missing.map((m) => quote(m)).join(', ')} not set`)
  if (command.instead !== undefined) throw new NotSimulatedError(path, command.instead)
  const k = new Kubectl({ process, cluster, command, path, flags, options, root: commands })
  if (!command.run) {
    if (flags.args.length > 0) throw k.usageError(`unknown command ${quote(flags.args.join(' '))}`)
    const text = helpOf(command, path)
    if (command.helpTo === 'stderr') yield* process.printError(text)
    else yield* process.print(text)
    return 1
  }
  const timeout = flags.string('request-timeout')
  if (!/^\d+$/.test(timeout) && parseDuration(timeout) === undefined) {
    throw new KubectlError('Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)')
  }
  k.session = openSession(k)
  yield* process.sleep(START_UP, { background: false })
  let code: number
  try {
    code = (yield* withCredentials(k, command.run)) ?? 0
  } catch (error) {
    yield* k.tellWarnings()
    if (error instanceof PrintError) yield* k.out(error.stdout)
    yield* tellDiscovery(k, error)
    yield* k.err(refusalLine(k, error))
    if (!isNoServer(error)) rememberKinds(k)
    throw error
  }
  yield* k.tellWarnings()
  rememberKinds(k)
  if (code === 0 && k.warnings > 0) {
    yield* k.err(`error: ${k.warnings} warning${k.warnings > 1 ? 's' : ''} received\n`)
    return 1
  }
  return code
}

/** Runs a command; one that finds that nobody is logged in asks, one whose server is not the cluster's own goes and looks, and begins again. */
function* withCredentials(k: Kubectl, run: NonNullable<Command['run']>): ReturnType<NonNullable<Command['run']>> {
  try {
    return yield* run(k)
  } catch (error) {
    const undialled = error instanceof AggregateError ? error.errors.find((e) => e instanceof NotDialled) : error
    if (undialled instanceof NotDialled && k.session && !k.session.isTried) {
      yield* k.session.tried()
      return yield* withCredentials(k, run)
    }
    if (undialled instanceof NotDialled && !k.dialled) {
      k.dialled = yield* tryServer(k.process, k.cluster, undialled.url, k.requestTimeout)
      return yield* withCredentials(k, run)
    }
    if (!(error instanceof NoCredentials) || k.askedForPassword) throw error
    yield* askForPassword(k.process)
    k.askedForPassword = true
    return yield* run(k)
  }
}

/** While kubectl starts: to the cluster's API server, where its configuration leads there. */
function openSession(k: Kubectl): ServerSession | undefined {
  // an API server without a machine hears no packets
  if (k.cluster.nodes.size === 0 || !asksServer(k.path, k.command, k.flags.has('client') && k.flags.bool('client'))) return undefined
  const url = serverUrl(k.cluster)
  try {
    const { server } = new ClientConfig(k.process, k.config, k.flags)
    return server.replace(/\/$/, '') === url ? new ServerSession(k.process, k.cluster, url, k.requestTimeout) : undefined
  } catch (error) {
    // the verb says what is wrong with it, when it comes to that
    if (error instanceof KubectlError || error instanceof SystemError) return undefined
    throw error
  }
}

function usage(error: unknown, path: string): unknown {
  // diff has a way of its own: 1 would mean that there are differences
  if (error instanceof FlagError && path === 'kubectl diff') return new ExitError(2, `error: ${error.message}\nSee '${path} -h' for help and examples`)
  return error instanceof FlagError ? new KubectlError(`${error.message}\nSee '${path} --help' for usage.`) : error
}

const SUGGESTED_FOR: Record<string, readonly string[]> = { get: ['list', 'ps'], delete: ['rm'] }

function suggestions(commands: readonly Command[], typed: string): string[] {
  const small = typed.toLowerCase()
  return commands
    .filter((c) => distance(small, c.name.toLowerCase()) <= 2 || c.name.toLowerCase().startsWith(small) || SUGGESTED_FOR[c.name]?.includes(small))
    .map((c) => c.name)
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
