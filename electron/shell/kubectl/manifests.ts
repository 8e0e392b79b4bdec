import { readJsonValue } from '../../engine/kubernetes/json-syntax.ts'
import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import type { Process } from '../../engine/machine/types.ts'
import { AggregateError, KubectlError, messageOf, NotSimulatedError, quote } from './errors.ts'
import { expandGlob } from '../language/glob.ts'
import { decodeStream, parseYaml } from './manifest-stream.ts'
import type { JsonObject } from './objects.ts'
import { readPipe } from './pipes.ts'
import { decode } from './unstructured.ts'

/** Reading -f: files, directories, patterns and stdin, several YAML documents each, as cli-runtime's builder does. */

const EXTENSIONS = ['.json', '.yaml', '.yml']

/** An object of a file, or what is wrong with it. After a syntax error the rest of that file is not read. */
export type Entry = { source: string; value?: unknown; raw?: string; unreadable?: string } & ({ object: JsonObject } | { error: unknown })

export interface Files { entries: Entry[]; /** One file that is no directory and no stream. */ single: boolean }

export function* readManifests(process: Process, names: readonly string[], recursive: boolean): Task<Files> {
  const paths: string[] = []
  const errors: unknown[] = []
  let single = false
  let stdin = false
  for (const name of names) {
    if (name === '-') {
      if (stdin) errors.push(new KubectlError('standard input cannot be used for multiple arguments'))
      stdin = true
      paths.push('-')
    } else if (streamOf(process, name) !== undefined) {
      paths.push(name)
    } else if (/^https?:\/\//.test(name)) {
      throw new NotSimulatedError(`-f ${name}`, 'there is no internet here; use a file')
    } else {
      const matches = expand(process, name)
      if (matches.length === 0) {
        errors.push(new KubectlError(`the path ${quote(name)} does not exist`))
        continue
      }
      if (!recursive && matches.length === 1) single = true
      for (const match of matches) {
        const found = walk(process, match, match, recursive)
        if (found.length > 1) single = false
        paths.push(...found)
      }
      if (paths.length === 0 && errors.length === 0) errors.push(new KubectlError(`error reading [${matches.join(' ')}]: recognized file extensions are [${EXTENSIONS.join(' ')}]`))
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors)
  const entries: Entry[] = []
  for (const path of paths) {
    if (path === '-') {
      entries.push(...documents(decodeUtf8(yield* readPipe(process, 0)), 'STDIN'))
      continue
    }
    let content: string
    const stream = streamOf(process, path)
    try {
      content = stream !== undefined ? decodeUtf8(yield* readPipe(process, stream)) : process.fs.readText(process.resolve(path))
    } catch (error) {
      entries.push({ source: path, error: new KubectlError(`open ${path}: ${(error as Error).message.toLowerCase()}`) })
      continue
    }
    entries.push(...documents(content.replace(/^\ufeff/, ''), path))
  }
  return { entries, single: single && paths.length === 1 && !stdin }
}

/** The open file that /dev/stdin or /dev/fd/63, bash's <(…), stands for. */
export function streamOf(process: Process, name: string): number | undefined {
  const fd = name === '/dev/stdin' ? 0 : Number(/^\/dev\/fd\/(\d+)$/.exec(name)?.[1] ?? NaN)
  return process.files.has(fd) ? fd : undefined
}

/** The name itself, or what it matches as a pattern. */
function expand(process: Process, name: string): string[] {
  if (process.fs.exists(process.resolve(name))) return [name]
  if (/\[[^\]]*$|\\$/.test(name)) throw new KubectlError(`pattern ${quote(name)} is not valid: syntax error in pattern`)
  return expandGlob(process.fs, process.resolve('.'), name, { dots: true })
}

/** filepath.Join: "." and "./x" lose their beginning. */
function joined(path: string, child: string): string {
  return `${path}/${child}`.replace(/\/+/g, '/').replace(/^(\.\/)+/, '')
}

function walk(process: Process, root: string, path: string, recursive: boolean): string[] {
  const real = process.resolve(path)
  if (process.fs.stat(real).type === 'directory') {
    if (path !== root && !recursive) return []
    return process.fs.readDirectory(real).flatMap((child) => walk(process, root, joined(path, child), recursive))
  }
  return path === root || EXTENSIONS.some((e) => path.endsWith(e)) ? [path] : []
}

/** The objects of one stream. */
export function documents(content: string, source: string): Entry[] {
  const entries: Entry[] = []
  try {
    for (const { raw, value, unreadable } of decodeStream(content)) {
      if (value === null || value === undefined) continue
      if (unreadable !== undefined) {
        entries.push({ source, value, unreadable, error: new KubectlError(`unable to decode ${quote(source)}: ${unreadable}`) })
        continue
      }
      try {
        entries.push({ source, value, raw, object: decode(value, raw) })
      } catch (error) {
        entries.push({ source, value, raw, error: new KubectlError(`unable to decode ${quote(source)}: ${messageOf(error)}`) })
      }
    }
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    entries.push({ source, error: new KubectlError(`error parsing ${source}: ${error.message}`) })
  }
  return entries
}

/** One document as the Go decoder reads it: JSON, or YAML 1.1 made JSON. */
export function parseManifest(part: string): unknown {
  if (/^\s*\{/.test(part)) {
    try {
      return JSON.parse(part)
    } catch {
      const read = readJsonValue(part, 0)
      if (read && 'problem' in read && read.offset === undefined) throw new KubectlError(read.problem)
    }
  }
  return parseYaml(part)
}
