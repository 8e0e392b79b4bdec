import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import type { Command } from './command.ts'
import { KubectlError, quote } from './errors.ts'
import { flags } from './flags.ts'

/** Programs in the PATH whose name begins with "kubectl-" (kubectl's pkg/cmd/plugin). */
const PREFIX = 'kubectl-'

function folders(process: Process): string[] {
  return [...new Set((process.env.get('PATH') ?? '').split(':').filter((folder) => folder.trim() !== ''))]
}

export const plugin: Command = {
  name: 'plugin',
  short: 'Provides utilities for interacting with plugins',
  use: 'plugin [flags]',
  helpTo: 'stderr',
  commands: [{
    name: 'list',
    short: 'List all visible plugin executables on a user\'s PATH',
    use: 'list [flags]',
    flags: flags('--name-only bool'),
    *run(k): Task<number> {
      const { process } = k
      const { fs } = process
      const nameOnly = k.flags.bool('name-only')
      const seen = new Map<string, string>()
      let warnings = 0
      let found = false
      for (const folder of folders(process)) {
        if (!fs.exists(folder)) {
          yield* k.err(`Unable to read directory ${quote(folder)} from your PATH: open ${folder}: no such file or directory. Skipping...\n`)
          continue
        }
        for (const name of fs.readDirectory(folder)) {
          const path = `${folder}/${name}`
          if (!name.startsWith(PREFIX) || fs.stat(path).type === 'directory') continue
          if (!found) yield* k.out('The following compatible plugins are available:\n\n')
          found = true
          yield* k.out(`${nameOnly ? name : path}\n`)
          const problems: string[] = []
          if ((fs.stat(path).mode & 0o111) === 0) problems.push(`${path} identified as a kubectl plugin, but it is not executable`)
          const former = seen.get(name)
          if (former !== undefined) problems.push(`${path} is overshadowed by a similarly named plugin: ${former}`)
          else seen.set(name, path)
          warnings += problems.length
          for (const problem of problems) yield* k.err(`  - warning: ${problem}\n`)
        }
      }
      if (!found) throw new KubectlError('unable to find any kubectl plugins in your PATH')
      if (warnings > 0) throw new KubectlError(warnings === 1 ? 'one plugin warning was found' : `${warnings} plugin warnings were found`)
      return 0
    },
  }],
}

/** Runs the plugin that the words name, the longest name first; undefined when there is none. */
export function* runPlugin(process: Process, words: readonly string[]): Task<number | undefined> {
  const first = words.findIndex((word) => word.startsWith('-'))
  const names = (first < 0 ? words : words.slice(0, first)).map((word) => word.replaceAll('-', '_'))
  for (let count = names.length; count > 0; count--) {
    const name = PREFIX + names.slice(0, count).join('-')
    const path = folders(process).map((folder) => `${folder}/${name}`).find((p) => process.fs.exists(p) && (process.fs.stat(p).mode & 0o111) !== 0)
    if (path === undefined) continue
    try {
      const child = process.spawn({ argv: [path, ...words.slice(count)], files: process.files })
      return (yield* process.wait(child)).code
    } catch (error) {
      if (isSystemError(error)) throw new KubectlError(`fork/exec ${path}: ${error.message.toLowerCase()}`)
      throw error
    }
  }
  return undefined
}
