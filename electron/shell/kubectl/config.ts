import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { setCluster, setCredentials } from './config-entries.ts'
import { ENTRIES, entryOf, joinPath, ordered, withEntry } from './config-paths.ts'
import { configSet, configUnset, helpAnd } from './config-set.ts'
import { helpOf } from './help.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { flags, TEMPLATE_FLAGS } from './flags.ts'
import { loadKubeconfig } from './kubeconfig.ts'
import { at, type JsonObject, list, map, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'

function noArguments(k: Kubectl): void {
  if (k.args.length > 0) throw k.usageError(`unexpected arguments: [${k.args.join(' ')}]`)
}

const view: Command = {
  name: 'view',
  short: 'Display merged kubeconfig settings or a specified kubeconfig file',
  use: 'view [flags]',
  flags: flags(TEMPLATE_FLAGS, `
    -o --output string=yaml
    --flatten bool
    --merge bool=true?true
    --minify bool
    --raw bool
  `),
  *run(k): Task<number> {
    noArguments(k)
    const printer = printerFor(k, { defaultOutput: 'yaml', typed: true })
    const config = k.config.merged()
    if (!k.flags.bool('merge') && !k.flags.string('kubeconfig')) throw new KubectlError('if merge==false a precise file must be specified')
    if (k.flags.bool('minify')) minify(k, config)
    if (k.flags.bool('flatten')) flatten(k, config)
    else if (!k.flags.bool('raw')) redact(config)
    yield* k.out(printer.print(config))
    return 0
  },
}

function minify(k: Kubectl, config: JsonObject): void {
  const name = k.flags.string('context') || text(config['current-context'])
  if (name === '') throw new KubectlError('current-context must exist in order to minify')
  const context = list(config['contexts']).find((c) => at(c, 'name') === name)
  if (!context) throw new KubectlError(`cannot locate context ${name}`)
  const keep = (kind: string, wanted: unknown): void => {
    config[kind] = list(config[kind]).filter((entry) => at(entry, 'name') === wanted)
  }
  for (const [kind, what] of [['clusters', 'cluster'], ['users', 'user']] as const) {
    const wanted = text(at(context, 'context', what))
    if (wanted !== '' && !list(config[kind]).some((entry) => at(entry, 'name') === wanted)) throw new KubectlError(`cannot locate ${what} ${wanted}`)
  }
  config['current-context'] = name
  keep('contexts', name)
  keep('clusters', at(context, 'context', 'cluster'))
  keep('users', at(context, 'context', 'user'))
}

/** Files that the config names become a part of it. */
function flatten(k: Kubectl, config: JsonObject): void {
  for (const kind of ['clusters', 'users'] as const) {
    const { inner, paths } = ENTRIES[kind]
    config[kind] = config[kind] && list(config[kind]).map((entry) => {
      const content = { ...map(at(entry, inner)) }
      for (const field of paths) {
        const path = joinPath(k.config.folderOf(kind, text(at(entry, 'name'))), text(content[field]))
        if (text(content[field]) === '' || field === 'tokenFile') continue
        if (!k.process.fs.exists(path)) throw new KubectlError(`open ${path}: no such file or directory`)
        delete content[field]
        content[`${field}-data`] = encodeBase64(k.process.fs.readFile(path))
      }
      return { name: at(entry, 'name'), [inner]: ordered(kind, content) }
    })
  }
}

/** Secrets are REDACTED, data is DATA+OMITTED. */
function redact(config: JsonObject): void {
  const hide = (kind: string, inner: string, fields: Record<string, string>): void => {
    config[kind] = config[kind] && list(config[kind]).map((entry) => {
      const content = { ...map(at(entry, inner)) }
      for (const [field, shown] of Object.entries(fields)) if (content[field] !== undefined && content[field] !== '') content[field] = shown
      return { ...(entry as JsonObject), [inner]: content }
    })
  }
  hide('clusters', 'cluster', { 'certificate-authority-data': 'DATA+OMITTED' })
  hide('users', 'user', { 'client-certificate-data': 'DATA+OMITTED', 'client-key-data': 'DATA+OMITTED', token: 'REDACTED', password: 'REDACTED' })
}

const currentContext: Command = {
  name: 'current-context',
  short: 'Display the current-context',
  use: 'current-context [flags]',
  *run(k): Task<number> {
    const name = k.config.currentContext
    if (name === '') throw new KubectlError('current-context is not set')
    yield* k.out(`${name}\n`)
    return 0
  },
}

const getContexts: Command = {
  name: 'get-contexts',
  short: 'Describe one or many contexts',
  use: 'get-contexts [(-o|--output=)name)]',
  flags: flags(`
    --no-headers bool
    -o --output string
  `),
  *run(k): Task<number> {
    const output = k.flags.string('output')
    if (output !== '' && output !== 'name') throw new KubectlError(`--output ${output} is not available in kubectl config get-contexts; resetting to default output format`)
    const { contexts, currentContext: current } = k.config
    const errors: unknown[] = []
    let shown = contexts
    if (k.args.length > 0) {
      shown = contexts.filter((c) => k.args.includes(c.name))
      for (const name of k.args) if (!contexts.some((c) => c.name === name)) errors.push(new KubectlError(`context ${name} not found`))
    }
    const writer = new TabWriter(TABLE)
    if (output !== 'name' && !k.flags.bool('no-headers')) writer.write('CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n')
    for (const c of shown) writer.write(output === 'name' ? `${c.name}\n` : `${c.name === current ? '*' : ' '}\t${c.name}\t${c.cluster}\t${c.user}\t${c.namespace}\n`)
    yield* k.out(writer.flush())
    throwAll(errors)
    return 0
  },
}

function entryList(name: string, kind: 'clusters' | 'users', short: string): Command {
  return {
    name,
    short,
    use: `${name} [flags]`,
    *run(k): Task<number> {
      yield* k.out(['NAME', ...k.config.entries(kind).map((e) => text(e['name']))].map((line) => `${line}\n`).join(''))
      return 0
    },
  }
}

const useContext: Command = {
  name: 'use-context',
  aliases: ['use'],
  short: 'Set the current-context in a kubeconfig file',
  use: 'use-context CONTEXT_NAME',
  *run(k): Task<number> {
    if (k.args.length !== 1) return yield* helpAnd(k, `Unexpected args: [${k.args.join(' ')}]`)
    const name = k.args[0]!
    if (name === '') throw new KubectlError('empty context names are not allowed')
    if (!k.config.contexts.some((c) => c.name === name)) throw new KubectlError(`no context exists with the name: ${quote(name)}`)
    k.config.setCurrentContext(name)
    yield* k.out(`Switched to context ${quote(name)}.\n`)
    return 0
  },
}

const setContext: Command = {
  name: 'set-context',
  short: 'Set a context entry in kubeconfig',
  use: 'set-context [NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]',
  flags: flags(`
    --cluster string
    --current bool
    --namespace string
    --user string
  `),
  *run(k): Task<number> {
    const { flags: f, args } = k
    if (args.length > 1) return yield* helpAnd(k, `Unexpected args: [${args.join(' ')}]`)
    if (args.length === 0 && !f.bool('current')) throw new KubectlError('you must specify a non-empty context name or --current')
    if (args.length > 0 && f.bool('current')) throw new KubectlError('you cannot specify both a context name and --current')
    const name = args[0] ?? k.config.currentContext
    if (name === '') throw new KubectlError('no current context is set')
    const exists = k.config.contexts.some((c) => c.name === name)
    k.config.modify('contexts', name, (content) => {
      const former = list(content['contexts']).find((c) => at(c, 'name') === name)
      const context = { ...map(at(former, 'context')) }
      for (const field of ['cluster', 'user', 'namespace']) if (f.changed(field)) context[field] = f.string(field)
      for (const field of ['cluster', 'user']) context[field] ??= ''
      if (context['namespace'] === '') delete context['namespace']
      content['contexts'] = [...list(content['contexts']).filter((c) => c !== former), { context, name }].sort((a, b) => (text(at(a, 'name')) < text(at(b, 'name')) ? -1 : 1))
    })
    yield* k.out(`Context ${quote(name)} ${exists ? 'modified' : 'created'}.\n`)
    return 0
  },
}

const renameContext: Command = {
  name: 'rename-context',
  short: 'Rename a context from the kubeconfig file',
  use: 'rename-context CONTEXT_NAME NEW_NAME',
  *run(k): Task<number> {
    if (k.args.length !== 2) return yield* helpAnd(k, `Unexpected args: [${k.args.join(' ')}]`)
    const [from, to] = k.args as readonly [string, string]
    const file = k.config.fileOf('contexts', from)
    const known = k.config.contexts
    if (!known.some((c) => c.name === from)) throw new KubectlError(`cannot rename the context ${quote(from)}, it's not in ${file}`)
    if (known.some((c) => c.name === to)) throw new KubectlError(`cannot rename the context ${quote(from)}, the context ${quote(to)} already exists in ${file}`)
    const current = k.config.currentContext === from
    k.config.modify('contexts', from, (content) => {
      const context = entryOf(content['contexts'], 'contexts', from)
      content['contexts'] = withEntry(withEntry(content['contexts'], 'contexts', from, undefined), 'contexts', to, context ?? {})
      if (current && content['current-context'] === from) content['current-context'] = to
    })
    if (current) loadKubeconfig(k.process, k.flags, true).setCurrentContext(to)
    yield* k.out(`Context ${quote(from)} renamed to ${quote(to)}.\n`)
    return 0
  },
}

function remover(name: string, kind: 'clusters' | 'contexts' | 'users', what: string): Command {
  return {
    name,
    short: `Delete the specified ${what} from the kubeconfig`,
    use: `${name} NAME`,
    *run(k): Task<number> {
      if (k.args.length !== 1) {
        yield* k.out(helpOf(k.command, k.path))
        return 0
      }
      const target = k.args[0]!
      const file = k.config.defaultFile
      if (!k.config.entries(kind).some((e) => e['name'] === target)) throw new KubectlError(`cannot delete ${what} ${target}, not in ${file}`)
      if (kind === 'contexts' && k.config.currentContext === target) yield* k.err('warning: this removed your active context, use "kubectl config use-context" to select a different one\n')
      k.config.modify(kind, target, (content) => void (content[kind] = list(content[kind]).filter((e) => at(e, 'name') !== target)))
      yield* k.out(`deleted ${what} ${target} from ${file}\n`)
      return 0
    },
  }
}

export const config: Command = {
  name: 'config',
  short: 'Modify kubeconfig files',
  use: 'config SUBCOMMAND',
  helpTo: 'stderr',
  commands: [
    currentContext,
    remover('delete-cluster', 'clusters', 'cluster'),
    remover('delete-context', 'contexts', 'context'),
    remover('delete-user', 'users', 'user'),
    entryList('get-clusters', 'clusters', 'Display clusters defined in the kubeconfig'),
    getContexts,
    entryList('get-users', 'users', 'Display users defined in the kubeconfig'),
    renameContext,
    configSet,
    setCluster,
    setContext,
    setCredentials,
    configUnset,
    useContext,
    view,
  ],
}

