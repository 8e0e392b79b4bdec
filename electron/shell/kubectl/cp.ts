import { BytesFile, CallbackFile } from '../../engine/machine/files.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import { concatBytes } from '../../engine/text.ts'
import type { OpenFile } from '../../engine/machine/types.ts'
import type { Pod } from '../../engine/kubernetes/types.ts'
import { decodeArchive, encodeEntry, endOfArchive, packed, type TarEntry } from '../coreutils/tar-format.ts'
import type { Command, Kubectl } from './command.ts'
import { ExitError, KubectlError, quote, StreamError } from './errors.ts'
import { flags } from './flags.ts'
import { containerOf, phaseOf } from './pods.ts'

export const cp: Command = {
  name: 'cp',
  short: 'Copy files and directories to and from containers',
  use: 'cp <file-spec-src> <file-spec-dest>',
  flags: flags(`
    -c --container string
    --no-preserve bool
    --retries int
  `),
  run,
}

/** `given`: the namespace, if it was written before the Pod. */
interface Spec { namespace: string; given: string; pod: string; path: string }

const FORMAT = 'filespec must match the canonical format: [[namespace/]pod:]file/path'

/** "pod:path", "namespace/pod:path", or a path here. */
function specOf(k: Kubectl, text: string): Spec {
  const at = text.indexOf(':')
  if (at < 0) return { namespace: '', given: '', pod: '', path: text }
  if (at === 0) throw new KubectlError(FORMAT)
  const pieces = text.slice(0, at).split('/')
  const path = text.slice(at + 1)
  if (pieces.length === 1) return { namespace: k.namespace.name, given: '', pod: pieces[0]!, path }
  if (pieces.length === 2) return { namespace: pieces[0]!, given: pieces[0]!, pod: pieces[1]!, path }
  throw new KubectlError(FORMAT)
}

function* run(k: Kubectl): Task<number> {
  if (k.args.length !== 2) throw new KubectlError('source and destination are required')
  void k.clientConfig
  const source = specOf(k, k.args[0]!)
  const target = specOf(k, k.args[1]!)
  if (source.pod && target.pod) throw new KubectlError('one of src or dest must be a local file specification')
  if (!source.path || !target.path) throw new KubectlError('filepath can not be empty')
  if (source.pod) yield* fromPod(k, source, target.path)
  else if (target.pod) yield* toPod(k, source.path, target)
  else throw new KubectlError('one of src or dest must be a remote file specification')
  return 0
}

/** "/a/b/" and "a/../b" as Go's path.Clean leaves them. */
function clean(path: string): string {
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop()
    else if (part !== '..' || !path.startsWith('/')) out.push(part)
  }
  return `${path.startsWith('/') ? '/' : ''}${out.join('/')}` || '.'
}

function baseName(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? '/'
}

function directoryName(path: string): string {
  const at = path.lastIndexOf('/')
  return at < 0 ? '' : at === 0 ? '/' : path.slice(0, at)
}

/** A command in the Pod, its input given and its output collected, with its exit code; what it complains of goes to a descriptor, or nowhere. */
function* execute(k: Kubectl, spec: Spec, command: string[], input: Uint8Array | undefined, complaints: 1 | 2 | undefined): Task<{ output: Uint8Array; code: number }> {
  const pod = k.client.get<Pod>('pods', spec.namespace, spec.pod)
  const phase = phaseOf(pod)
  if (phase === 'Succeeded' || phase === 'Failed') throw new KubectlError(`cannot exec into a container in a completed pod; current phase is ${phase}`)
  const container = k.flags.string('container') || (yield* containerOf(k, pod, '', complaints === undefined, (text) => (complaints === 1 ? k.out(text) : k.err(text)))).name
  const chunks: Uint8Array[] = []
  const ignore = new CallbackFile(k.process.clock, () => undefined)
  const stderr: OpenFile | undefined = complaints === undefined ? ignore : k.process.files.get(complaints)
  const remote = yield* k.decided(() => k.client.exec(spec.namespace, spec.pod, {
    command, container, tty: false,
    stdin: input && new BytesFile(input),
    stdout: new CallbackFile(k.process.clock, (bytes) => void chunks.push(bytes.slice())),
    stderr,
  }))
  const ended = new Signal()
  let result: Parameters<Parameters<typeof remote.onExit>[0]>[0] | undefined
  remote.onExit((outcome) => {
    result = outcome
    ended.notify()
  })
  try {
    while (!result) yield ended.wait
  } finally {
    remote.close()
  }
  if ('error' in result) throw result.broke ? new KubectlError(`error reading from error stream: ${result.error}`) : new StreamError(result.error)
  return { output: concatBytes(chunks), code: result.code }
}

function ended(code: number): void {
  if (code !== 0) throw new ExitError(code, `command terminated with exit code ${code}`)
}

function* toPod(k: Kubectl, source: string, target: Spec): Task {
  const { fs } = k.process
  const path = k.process.resolve(clean(source))
  if (!fs.exists(path)) throw new KubectlError(`${source} doesn't exist in local filesystem`)
  let place = clean(target.path)
  try {
    const { code } = yield* execute(k, target, ['test', '-d', place], undefined, undefined)
    // where it is no directory, the file gets this name
    if (code === 0) place = clean(`${place}/${baseName(path)}`)
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
  }
  const parts: Uint8Array[] = []
  for (const entry of packed(fs, path, baseName(place))) parts.push(encodeEntry(entry))
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const directory = directoryName(place)
  const command = k.flags.bool('no-preserve') ? ['tar', '--no-same-permissions', '--no-same-owner', '-xmf', '-'] : ['tar', '-xmf', '-']
  ended((yield* execute(k, target, directory ? [...command, '-C', directory] : command, concatBytes([...parts, endOfArchive(size)]), 2)).code)
}

function* fromPod(k: Kubectl, source: Spec, target: string): Task {
  // what tar says there is kubectl's output; an archive that ends well is taken, whatever tar's exit code
  const { output: bytes, code } = yield* execute(k, source, ['tar', 'cf', '-', source.path], undefined, 1)
  if (bytes.length === 0) ended(code)
  const prefix = clean(source.path.replace(/^\/+|\/+$/g, '')).replace(/^(?:\.\.\/)+/, '')
  const entries = bytes.length === 0 ? [] : (decodeArchive(bytes) ?? [])
  let warned = false
  for (const entry of entries) {
    if (!entry.name.startsWith(prefix === '.' ? '' : prefix)) throw new KubectlError('tar contents corrupted')
    const rest = entry.name.slice(prefix === '.' ? 0 : prefix.length)
    const place = clean(`${target}/${rest}`)
    if (entry.type === 'symlink') {
      const hint = ` (consider using "kubectl exec -n ${quote(source.given)} ${quote(source.pod)} -- tar cf - ${quote(source.path)} | tar xf -")`
      yield* k.err(`warning: skipping symlink: ${quote(place)} -> ${quote(entry.target)}${warned ? '' : hint}\n`)
      warned = true
      continue
    }
    write(k, entry, place)
  }
}

function write(k: Kubectl, entry: TarEntry, place: string): void {
  const { fs } = k.process
  const path = k.process.resolve(place)
  const make = (directory: string): void => {
    if (!fs.exists(directory)) fs.makeDirectory(directory, { parents: true })
  }
  try {
    if (entry.type === 'directory') return make(path)
    make(directoryName(path) || '/')
    fs.writeFile(path, entry.content)
    const { uid, gid } = k.process.user
    fs.chown(path, uid, gid)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new KubectlError(`open ${place}: ${error.message.toLowerCase()}`)
  }
}
