import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'

/**
 * What a real tool printed on a quiet machine, kept in the repository: transcripts/NAME.txtar, an entry for each compared
 * line. The living tool is asked first; where it says something else than the simulation, because the machine is busy or
 * its versions are others, or where it is missing, the transcript decides. So a comparison fails only if the simulation
 * has changed.
 *
 * PODHOP_RECORD=1 writes what the living tools say, as far as the simulation agrees; PODHOP_REFEREE=transcript asks no living tool.
 */
export interface Transcript {
  /** A comparison, by what is asked. Call it while tests are collected, so that what is asked twice has the same number in each run. */
  entry(line: string): Comparison
}

export interface Comparison {
  /** Whether there is a referee: the living tool, or what it said once. */
  heldBy(living: boolean): boolean
  /** Fails if neither the living tool nor its transcript says what the simulation says. `theirs` is undefined where the tool is missing, and may be asked twice. */
  hold(ours: string, theirs: Asking | undefined): Promise<void>
  /** The same where chance is in it: `possible` tells whether the simulation could have said that, too. `ours` stands for it in messages. */
  allow(possible: (said: string) => boolean, ours: () => string, theirs: Asking | undefined): Promise<void>
}

export type Asking = () => string | Promise<string>

export const onlyTranscripts = process.env['PODHOP_REFEREE'] === 'transcript'
const recording = process.env['PODHOP_RECORD'] === '1'
const FOLDER = join(import.meta.dirname, '../transcripts')

/** The transcript of one test file. */
export function transcriptOf(name: string): Transcript {
  const path = join(FOLDER, `${name}.txtar`)
  const recorded = existsSync(path) ? parseTranscript(readFileSync(path, 'utf8')) : new Map<string, string>()
  const heard = new Map<string, string>()
  const names = new Set<string>()
  // a run of some tests only, by `-t` or because tools are missing, leaves the rest as it is
  if (recording) afterAll(({}, file) => {
    for (const [name, text] of recorded) if (!heard.has(name) && (names.has(name) || !allRan(file))) heard.set(name, text)
    mkdirSync(FOLDER, { recursive: true })
    if (heard.size > 0) writeFileSync(path, formatTranscript(heard))
  })

  return {
    entry(line) {
      const title = printable(line).replaceAll('\n', '␤')
      let name = title
      for (let n = 2; names.has(name); n++) name = `${title} (${n})`
      names.add(name)
      const once = recorded.get(name)
      return {
        heldBy: (living) => living || once !== undefined,
        hold(ours, theirs) {
          const said = printable(ours)
          return this.allow((text) => text === said, () => said, theirs)
        },
        async allow(possible, ours, theirs) {
          const living = theirs && !onlyTranscripts ? await ask(theirs) : undefined
          if (living !== undefined && possible(living)) {
            if (recording) heard.set(name, once !== undefined && possible(once) ? once : living)
            else if (once === undefined) console.warn(`REFEREE: ${name} has no transcript: PODHOP_RECORD=1 writes it`)
            return
          }
          if (once !== undefined && possible(once)) {
            if (living !== undefined) console.warn(`REFEREE: ${name} differs today from its transcript\n${difference(living, once)}`)
            return
          }
          if (living === undefined) {
            if (once === undefined) console.warn(`REFEREE: SKIPPED: ${name} is compared with nothing, neither the tool nor a transcript is here`)
            else expect(ours(), 'what the real tool said once').toBe(once)
            return
          }
          if (possible(await ask(theirs!))) return console.warn(`REFEREE: ${name} was the same only when asked again\n${difference(living, ours())}`)
          expect(ours()).toBe(living)
        },
      }
    },
  }
}

/** In printable form. What cannot even be asked on this machine, today, is a difference as any other. */
async function ask(theirs: Asking): Promise<string> {
  try {
    return printable(await theirs())
  } catch (error) {
    return `the real one could not be asked: ${String(error)}`
  }
}

interface Ran { readonly type: string; readonly mode?: string; readonly result?: { readonly state: string }; readonly tasks?: readonly Ran[] }
const allRan = (task: Ran): boolean => (task.tasks ? task.tasks.every(allRan) : task.result?.state === 'pass')

/** Control characters as what shows them. It does not come back: texts are compared in this form. */
function printable(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f]/g, (c) => (c === '\x7f' ? '␡' : String.fromCharCode(0x2400 + c.charCodeAt(0))))
}

/** Entries by name, each under a line `-- NAME --`. */
export function formatTranscript(entries: ReadonlyMap<string, string>): string {
  return [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `-- ${name} --\n${text.replace(/^(?=\\*-- )/gm, '\\')}\n`)
    .join('')
}

export function parseTranscript(text: string): Map<string, string> {
  const parts = text.replaceAll('\r\n', '\n').split(/^-- (.*) --\n/m)
  const entries = new Map<string, string>()
  for (let i = 1; i < parts.length; i += 2) entries.set(parts[i]!, parts[i + 1]!.slice(0, -1).replace(/^\\(?=\\*-- )/gm, ''))
  return entries
}

/** The lines in which two texts differ: a dozen at most. */
function difference(living: string, once: string): string {
  const [a, b] = [living.split('\n'), once.split('\n')]
  let [from, to] = [0, 0]
  while (from < Math.min(a.length, b.length) && a[from] === b[from]) from++
  while (to < Math.min(a.length, b.length) - from && a[a.length - 1 - to] === b[b.length - 1 - to]) to++
  const some = (sign: string, lines: string[]): string[] => lines.slice(from, lines.length - to).slice(0, 6).map((line) => `  ${sign} ${line}`)
  return [...some('today', a), ...some('once ', b)].join('\n')
}
