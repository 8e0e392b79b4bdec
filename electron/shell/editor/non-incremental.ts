import type { Task } from '../../engine/machine/task.ts'
import type { Characters } from './characters.ts'
import type { Editing } from './editing.ts'
import type { KeyReader } from './keys.ts'
import type { LineBuffer } from './line-buffer.ts'

interface Asking {
  line: LineBuffer
  keys: KeyReader
  editing: Editing
  characters: Characters
  redraw(prompt: string): Task<void>
}

const ONCE = { n: 1, given: false } as const
const RUBOUTS = ['backward-delete-char', 'unix-word-rubout', 'unix-line-discard']

/** Asks behind ":" for a text to search for; the line is as before afterwards. False: it was aborted; undefined: nothing is left to search for. */
export function* askText({ line, keys, editing, characters, redraw }: Asking): Task<string | false | undefined> {
  const saved = { chars: line.chars, point: line.point, changes: line.changes }
  line.load('')
  const restored = (): void => void Object.assign(line, saved)
  for (;;) {
    yield* redraw(':')
    const key = yield* keys.next()
    if (key === undefined || key.name === 'abort' || key.name === 'interrupt' || (key.name === 'backward-delete-char' && line.end === 0)) {
      restored()
      return key?.name === 'interrupt' || key?.name === 'abort' ? false : undefined
    }
    if (key.name === 'accept-line') break
    if (RUBOUTS.includes(key.name)) editing.press(key.name, ONCE)
    else if (key.name === 'quoted-insert') yield* characters.quoted(ONCE)
    else if (key.sequence.length === 1 || key.name === 'self-insert') line.insert([key.sequence])
  }
  const wanted = line.text
  restored()
  return wanted
}
