import { execFile } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Command } from '../../electron/shell/kubectl/command.ts'
import { GLOBAL_FLAGS } from '../../electron/shell/kubectl/flags.ts'
import { helpOf, optionsHelp, rootHelp } from '../../electron/shell/kubectl/help.ts'
import { COMMANDS } from '../../electron/shell/kubectl/index.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'

const REAL = findKubectl()

/** Every verb there is, with the path to it. */
function verbs(commands: readonly Command[], parent = ''): [path: string, command: Command][] {
  return commands.flatMap((c) => [[`${parent}${c.name}`, c] as [string, Command], ...verbs(c.commands ?? [], `${parent}${c.name} `)])
}

function ask(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(REAL!, args, { argv0: 'kubectl', env: { HOME: '/root', KUBECONFIG: '/dev/null', PATH: process.env['PATH'] ?? '' } } as object, (_error, stdout) => resolve(String(stdout)))
  })
}

/** What a help text says apart from prose: its flags with their defaults, subcommands, aliases, and how it is called. */
function facts(help: string): { flags: string[]; commands: string[]; aliases: string; usage: string; sections: string[]; end: string } {
  return {
    flags: [...help.matchAll(/^ {4}(?:-\w, )?--.*:$/gm)].map(([line]) => line),
    commands: [...help.matchAll(/^ {2}([a-z][\w-]+) {2,}(\S.*)$/gm)].map(([line]) => line),
    aliases: /^Aliases:\n(.*)$/m.exec(help)?.[1] ?? '',
    usage: /^Usage:\n(.*)$/m.exec(help)?.[1] ?? '',
    sections: [...help.matchAll(/^(?!Examples)[A-Z][\w ()]+:$/gm)].map(([line]) => line),
    end: help.slice(help.indexOf('\nUsage:\n')),
  }
}

describe.skipIf(!REAL)('kubectl --help tells the facts that kubectl 1.33 tells, in words of its own', () => {
  const all = verbs(COMMANDS)
  const real = new Map<string, string>()
  beforeAll(async () => {
    const waiting = all.map(([path]) => path)
    const work = async (): Promise<void> => {
      for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) real.set(path, await ask([...path.split(' '), '-h']))
    }
    await Promise.all([work(), work(), work(), work()])
  }, 300_000)

  it('of every verb', () => {
    expect(all.map(([path, command]) => ({ path, ...facts(helpOf(command, `kubectl ${path}`)) }))).toEqual(all.map(([path]) => ({ path, ...facts(real.get(path)!) })))
  })

  it('and describes every flag', () => {
    for (const [path, command] of all) {
      const help = helpOf(command, `kubectl ${path}`)
      expect({ path, empty: [...help.matchAll(/^ {4}(\S.*:)\n\t\s*$/gm)].map(([, flag]) => flag) }).toEqual({ path, empty: [] })
    }
  })

  it('of kubectl itself, and of its options', async () => {
    expect(rootHelp(COMMANDS)).toBe(await ask([]))
    expect(facts(optionsHelp('/root'))).toEqual(facts(await ask(['options'])))
    expect(GLOBAL_FLAGS.length).toBeGreaterThan(20)
  })
})
